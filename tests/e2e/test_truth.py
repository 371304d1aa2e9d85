"""What local files say, from the working tree and from git, in validation and in the plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from registry.evidence import load_facts, open_local
from registry.identity import ModelId
from registry.repository import Repository
from tests.build import a_commit, a_descriptor, a_repository, a_version, git
from tests.e2e.place import Place
from tests.e2e.sources import allow, source
from tests.heads import a_safetensors

TINY = ModelId("tiny", "1.0")
WEIGHTS = a_safetensors(embed__weight=("F32", [40, 5]))
FILES = {"model.safetensors": WEIGHTS, "config.json": b'{"architectures": ["BertForMaskedLM"]}'}


def a_model(num_params: int, **changes: str) -> dict[str, bytes]:
    """A version with weights that can be counted."""
    targets = {f"model_files__{name}": f"./{name}" for name in FILES}
    return a_version(a_descriptor(model_metainfo__num_params=num_params, **targets, **changes)) | FILES


def test_git_and_the_working_tree_say_the_same(tmp_path: Path) -> None:
    folder = a_repository(tmp_path)
    commit = a_commit(folder, "tiny/1.0", a_model(200))
    repository = Repository(folder)
    in_tree = load_facts(repository, repository.working_snapshot("models")).versions[TINY].facts
    in_git = load_facts(repository, repository.snapshot(commit, "models")).versions[TINY].facts
    assert in_git == in_tree
    assert sorted(in_git.texts) == ["config.json", "environment.yml", "inference.py"]
    assert sorted(in_git.weights) == ["model.safetensors"]


def test_a_file_in_git_is_read_no_farther_than_is_asked(tmp_path: Path) -> None:
    folder = a_repository(tmp_path)
    data = bytes(range(256)) * 20_000
    (folder / "large").write_bytes(data)
    git(folder, "add", "large")
    git(folder, "commit", "--quiet", "--message=large")
    repository = Repository(folder)
    (file,) = repository._entries(git(folder, "rev-parse", "HEAD"), ["large"])
    with open_local(repository, file) as content:
        assert (content.size, content.read(3, 5)) == (len(data), data[3:8])
        assert content.read(2_000_000, 9) == data[2_000_000:2_000_009]
        assert content.read(0, 4) == data[:4]
        assert content.read(len(data) - 2, 9) == data[-2:]


def test_what_the_bytes_belie_is_refused(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_model(1000, model_config__type="DECODER"))
    findings = json.loads(folder_place.run("validate", "--format", "json").out)["findings"]
    assert [(f["rule"], f["field"], f["expected"], f["fix"]) for f in findings] == [
        ("type-contradicts-config", "model_config.type", "ENCODER", "ENCODER"),
        ("num-params-wrong", "model_metainfo.num_params", "200", "200"),
    ]
    done = folder_place.run("reconcile")
    assert (done.code, "num-params-wrong" in done.out) == (1, True)
    a_commit(folder_place.repository, "tiny/1.0", a_model(200))
    assert folder_place.run("reconcile").code == 0


def test_a_pointer_or_a_link_in_place_of_a_file_is_one_finding(folder_place: Place) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    files = a_model(200) | {"model.safetensors": pointer, "inference.py": pointer}
    a_commit(folder_place.repository, "tiny/1.0", files)
    (folder_place.repository / "models/tiny/1.0/config.json").unlink()
    (folder_place.repository / "models/tiny/1.0/config.json").symlink_to("/etc/passwd")
    findings = json.loads(folder_place.run("validate", "--format", "json").out)["findings"]
    assert sorted(finding["rule"] for finding in findings) == ["lfs-pointer", "lfs-pointer", "symlink"]


def test_remote_files_are_judged_by_their_verified_copies_before_anything_is_registered(place: Place) -> None:
    script = b"def init(model_path):\n    pass\n"
    files: dict[str, bytes | int | str] = {f"/{name}": content for name, content in FILES.items()}
    files["/inference.py"] = script
    asked: list[str] = []
    with source(files, asked=asked) as url:
        allow(place, url)
        a_commit(place.repository, "tiny/1.0", remote(url, files, num_params=1000))
        done = place.run("reconcile", "--format", "json")
        assert place.get("tiny/1.0").status_code == 404
        (refused,) = done.json["versions"]
        read = len(asked)
        files["/inference.py"] = script + b"\n\ndef run(data):\n    return data\n"
        a_commit(place.repository, "tiny/1.0", remote(url, files, num_params=200))
        again = place.run("reconcile")

    assert (done.code, refused["outcome"], refused["retryable"]) == (1, "refused", False)
    assert refused["reason"] == "2 findings: inference-functions, num-params-wrong"
    found = [(finding["rule"], finding["field"], finding["line"] > 1) for finding in refused["findings"]]
    assert found == [
        ("inference-functions", "model_files.inference.py.source", True),
        ("num-params-wrong", "model_metainfo.num_params", True),
    ]
    assert again.code == 0, again
    others = [path for path in asked[read:] if path != "/inference.py"]
    assert len(set(others)) <= (1 if place.key else 0), others  # by one storage is seen to fetch nothing
    assert "/inference.py" in asked[read:]
    assert place.record("tiny/1.0")["model_metainfo"]["num_params"] == 200


def test_a_change_that_is_refused_leaves_the_pages_of_a_registered_version(folder_place: Place) -> None:
    files: dict[str, bytes | int | str] = {f"/{name}": content for name, content in FILES.items()}
    with source(files) as url:
        allow(folder_place, url)
        a_commit(folder_place.repository, "tiny/1.0", remote(url, files, num_params=200))
        assert folder_place.run("reconcile").code == 0
        page = folder_place.bytes("tiny/1.0/index.md")
        a_commit(folder_place.repository, "tiny/1.0", remote(url, files, num_params=7) | {"index.md": b"# Seven\n"})
        refused = folder_place.run("reconcile")
        assert (refused.code, "num-params-wrong" in refused.out) == (1, True)
        assert folder_place.bytes("tiny/1.0/index.md") == page
        a_commit(folder_place.repository, "tiny/1.0", remote(url, files, num_params=200) | {"index.md": b"# Seven\n"})
        assert folder_place.run("reconcile").code == 0

    assert folder_place.bytes("tiny/1.0/index.md") == b"# Seven\n"


def remote(url: str, files: Mapping[str, object], num_params: int) -> dict[str, bytes]:
    """A version whose weights, configuration and script are fetched."""
    targets = {
        f"model_files__{path[1:]}": {"source": f"{url}{path}", "sha256": sha256(data).hexdigest(), "size": len(data)}
        for path, data in files.items()
        if isinstance(data, bytes)
    }
    version = a_version(a_descriptor(model_metainfo__num_params=num_params, **targets))
    return {name: content for name, content in version.items() if f"/{name}" not in files}
