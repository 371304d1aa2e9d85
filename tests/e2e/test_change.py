"""A change is judged against its base: what it may do, what it says of other versions, and what deserves a look."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.build import FILES, a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry

TOKEN = "hf_" + "aB3" * 11 + "x"  # of the form of one
DEPRECATED = {"state": "deprecated", "reason": "Old."}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with three versions of two models."""
    folder = a_repository(tmp_path / "repository")
    a_commit(folder, "tiny/1.0", a_version())
    a_commit(folder, "tiny/0.9", a_version(a_descriptor(lifecycle=DEPRECATED)))
    a_commit(folder, "other/1.0", a_version())
    return folder


def judged(repository: Path, *arguments: str) -> list[tuple[str, str]]:
    """Rule and path below the models' folder, of a commit against the one before."""
    done = registry(repository, "validate", "--format", "json", *(arguments or ("--base", "HEAD~1", "--head", "HEAD")))
    return [(finding["rule"], finding["path"].removeprefix("models/")) for finding in done.json["findings"]]


def described(**changes: Any) -> dict[str, bytes]:
    """The files of a version that is described with changes."""
    return a_version(a_descriptor(**changes))


@pytest.mark.parametrize(
    ("to", "rule"),
    [
        ("other/1.0", None),
        ("tiny/0.9", "replaced-by-inactive"),
        ("other/2.0", "replaced-by-unknown"),
        ("../other", "replaced-by-unknown"),
    ],
)
def test_a_replacement_is_looked_up_where_the_version_stands(repository: Path, to: str, rule: str | None) -> None:
    found = [(rule, "tiny/1.0/model.yaml")] if rule else []
    write(repository, "tiny/1.0", described(lifecycle={**DEPRECATED, "replaced_by": to}))
    assert judged(repository, "models/tiny/1.0") == found
    assert judged(repository, "--base", "HEAD") == [("new-state", "tiny/1.0/model.yaml"), *found]
    git(repository, "commit", "--quiet", "--all", "--message=deprecate")
    assert judged(repository, "--head", "HEAD") == found
    assert judged(repository) == [("new-state", "tiny/1.0/model.yaml"), *found]


def test_a_replacement_may_be_added_with_the_deprecation_and_a_parent_too(repository: Path) -> None:
    write(repository, "tiny/1.0", described(lifecycle={**DEPRECATED, "replaced_by": "tiny/2.0"}))
    write(repository, "tiny/2.0", described(parent="tiny/1.0"))
    assert judged(repository, "--base", "HEAD") == [("new-state", "tiny/1.0/model.yaml")]


def test_the_nearest_version_is_named_although_it_is_not_judged(repository: Path) -> None:
    write(repository, "tiny/2.0", described(parent="other/1"))
    done = registry(repository, "validate", "--base", "HEAD", "--format", "json")
    (finding,) = done.json["findings"]
    assert (finding["rule"], finding["fix"]) == ("parent-unknown", "other/1.0")


def test_a_folder_that_disappears_removes_nothing(repository: Path) -> None:
    shutil.rmtree(repository / "models" / "tiny" / "1.0")
    assert judged(repository, "--base", "HEAD") == [("registered-gone", "tiny/1.0/model.yaml")]
    git(repository, "commit", "--quiet", "--all", "--message=gone")

    done = registry(repository, "validate", "--base", "HEAD~1", "--head", "HEAD")

    assert (done.code, done.out.partition("\n")[0]) == (1, "failed: 0 versions, 1 error")
    assert judged(repository, "--base", "HEAD~1", "models/other") == []
    assert judged(repository, "--head", "HEAD") == []


def test_all_folders_gone_are_a_finding_each(repository: Path) -> None:
    shutil.rmtree(repository / "models")
    gone = [("registered-gone", f"{model}/model.yaml") for model in ("other/1.0", "tiny/0.9", "tiny/1.0")]
    assert judged(repository, "--base", "HEAD") == gone


def test_a_renamed_folder_is_a_new_model(repository: Path) -> None:
    git(repository, "mv", "models/other", "models/another")
    found = [("new-model", "another/1.0/model.yaml"), ("registered-renamed", "another/1.0/model.yaml")]
    assert judged(repository, "--base", "HEAD") == found
    git(repository, "commit", "--quiet", "--message=rename")
    assert judged(repository) == found


def test_a_folder_that_was_wrong_in_the_base_may_go(repository: Path) -> None:
    a_commit(repository, "wrong/1.0", {"model.yaml": b"model_config: [\n"})
    git(repository, "rm", "-r", "--quiet", "models/wrong")
    assert judged(repository, "--base", "HEAD") == []


def test_of_a_new_model_the_first_version_alone_is_new(repository: Path) -> None:
    for version in ("1.0", "1.1", "2.0"):
        write(repository, f"new/{version}", described())
    write(repository, "tiny/0.1", described())
    assert judged(repository, "--base", "HEAD") == [("new-model", "new/1.0/model.yaml")]


def test_a_new_version_is_compared_with_the_one_before_it_which_is_not_judged(repository: Path) -> None:
    write(repository, "tiny/1.1", described(model_metainfo__num_params=900))
    write(repository, "tiny/1.2", described(model_metainfo__num_params=900))
    done = registry(repository, "validate", "--base", "HEAD")
    assert done.code == 0
    assert "`num_params` goes from 9 in tiny/1.0 to 900 (×100)" in done.out
    assert judged(repository, "--base", "HEAD") == [("num-params-jump", "tiny/1.1/model.yaml")]


def test_a_file_that_is_pinned_later_may_stay(repository: Path) -> None:
    settings = '[tool.registry.policy]\npins = "off"\nsources = ["https://account.blob.core.windows.net/c/"]\n'
    (repository / "pyproject.toml").write_text(settings)
    url = "https://account.blob.core.windows.net/c/vocab.txt"
    pin = {"sha256": "0" * 64, "size": 7}
    a_commit(repository, "tiny/2.0", described(**{"model_files__vocab.txt": url}))
    a_commit(repository, "tiny/2.0", described(**{"model_files__vocab.txt": {"source": url, **pin}}))
    assert judged(repository) == []
    a_commit(repository, "tiny/2.0", described(**{"model_files__vocab.txt": {"source": f"{url}.moved", **pin}}))
    assert judged(repository) == []
    a_commit(repository, "tiny/2.0", described(**{"model_files__vocab.txt": {"source": url, **pin, "size": 8}}))
    assert judged(repository) == []
    a_commit(repository, "tiny/2.0", described(**{"model_files__vocab.txt": url}))
    assert judged(repository) == [("registered-content", "tiny/2.0/model.yaml")]


def test_settings_that_change_are_named_at_their_lines(repository: Path) -> None:
    (repository / "pyproject.toml").write_text(
        '[tool.registry]\nendpoint = "https://registry.example.com"\n\n[tool.registry.policy]\n'
        'sources = [\n  "https://account.blob.core.windows.net/",\n]\n\n[tool.registry.severity]\ntag = "off"\n'
    )
    done = registry(repository, "validate", "--base", "HEAD", "--format", "json")
    found = [(f["rule"], f["path"], f["line"], f["column"]) for f in done.json["findings"]]
    assert done.code == 0
    assert found == [
        ("settings-changed", "pyproject.toml", 2, 1),
        ("settings-loosened", "pyproject.toml", 5, 1),
        ("settings-loosened", "pyproject.toml", 10, 1),
    ]


def test_an_environment_is_no_change_of_settings(repository: Path) -> None:
    write(repository, "tiny/1.1", described())
    done = registry(repository, "validate", "--base", "HEAD", env={"REGISTRY_STORAGE": "elsewhere"})
    assert done.out == "ok: 1 version, nothing wrong\n"


def test_a_base_without_the_table_means_the_defaults(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "repository", settings="")
    write(repository, "tiny/1.0", described())
    (repository / "pyproject.toml").write_text("[tool.registry]\n")
    assert judged(repository, "--base", "HEAD") == [
        ("new-model", "tiny/1.0/model.yaml"),
        ("settings-absent", "pyproject.toml"),
    ]


SECRET_PLACES = [
    ("model.yaml", {"model_config__description": f"Take {TOKEN}."}, {}, (3, 21)),
    ("model.yaml", {"model_config__inference_properties__entry_script": TOKEN}, {}, None),
    ("model.yaml", {f"model_files__{TOKEN}.py": "./inference.py"}, {}, None),
    ("model.yaml", {"license": TOKEN}, {}, None),
    ("model.yaml", {"model_metainfo__input_languages": [TOKEN]}, {}, None),
    ("model.yaml", {"model_metainfo__index_page_file": f"https://example.com/{TOKEN}"}, {}, None),
    ("model.yaml", {"parent": TOKEN}, {}, None),
    ("model.yaml", {"lifecycle": {**DEPRECATED, "replaced_by": f"tiny/{TOKEN}"}}, {}, None),
    ("model.yaml", {f"model_config__{TOKEN}": 1}, {}, None),
    ("model.yaml", {"model_metainfo__num_params": TOKEN}, {}, None),
    ("inference.py", {}, {"inference.py": FILES["inference.py"] + f"TOKEN = '{TOKEN}'\n".encode()}, (7, 10)),
    ("environment.yml", {}, {"environment.yml": FILES["environment.yml"] + f"# {TOKEN}\n".encode()}, (4, 3)),
    ("index.md", {}, {"index.md": f"# Tiny\r\n\r\nÜ {TOKEN}\r\n".encode()}, (3, 3)),
    (".netrc", {"model_files__.netrc": "./.netrc"}, {".netrc": f"password {TOKEN}\n".encode()}, (1, 10)),
]


@pytest.mark.parametrize(("name", "changes", "files", "place"), SECRET_PLACES)
def test_a_secret_is_named_where_it_stands_and_said_nowhere(
    repository: Path, name: str, changes: dict[str, Any], files: dict[str, bytes], place: tuple[int, int] | None
) -> None:
    write(repository, "tiny/1.1", {**described(**changes), **files})
    for arguments in (["--format", "github"], ["--base", "HEAD", "--format", "json"]):
        done = registry(repository, "validate", *arguments)
        assert done.code == 1
        assert TOKEN not in done.out + done.err
    (leak,) = (f for f in done.json["findings"] if f["rule"] == "access-token")
    assert leak["path"] == f"models/tiny/1.1/{name}"
    assert place in (None, (leak["line"], leak["column"]))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=leak")
    assert ("access-token", f"tiny/1.1/{name}") in judged(repository)


def test_a_secret_in_a_source_or_a_password_is_said_once(repository: Path) -> None:
    docker = {"url": "registry.example.com", "username": "ci", "password": TOKEN}
    changes = {
        "model_config__inference_properties__docker_registry": docker,
        "model_files__more": f"https://account.blob.core.windows.net/c/more?sv=2024-11-04&se=2027&sig={TOKEN}",
    }
    write(repository, "tiny/1.1", described(**changes))
    found = judged(repository, "models/tiny/1.1")
    assert sorted({rule for rule, _ in found}) == ["password-literal", "pin-missing", "source-credentials"]


def test_a_secret_in_a_descriptor_that_is_no_yaml_and_in_a_comment_is_found(repository: Path) -> None:
    text = described()["model.yaml"].decode() + f"# token: {TOKEN}\n"
    write(repository, "tiny/1.1", {**described(), "model.yaml": text.encode()})
    write(repository, "tiny/1.2", {**described(), "model.yaml": f"a: [\n# {TOKEN}\n".encode()})
    found = judged(repository, "models/tiny")
    assert [path for rule, path in found if rule == "access-token"] == ["tiny/1.1/model.yaml", "tiny/1.2/model.yaml"]
