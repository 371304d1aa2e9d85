"""What local files say, from the working tree and from git, in validation and in the plan."""

from __future__ import annotations

import json
from pathlib import Path

from registry.evidence import load_facts, open_local
from registry.identity import ModelId
from registry.repository import Repository
from tests.build import a_commit, a_descriptor, a_repository, a_version, git
from tests.e2e.place import Place
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
