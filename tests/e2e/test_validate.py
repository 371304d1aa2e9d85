"""What is judged: the working tree, a commit, or what differs from a base; and by whose settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.build import a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry

BAD = a_version(a_descriptor(model_config__type="NONSENSE"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two good versions."""
    folder = a_repository(tmp_path / "repository")
    a_commit(folder, "tiny/1.0", a_version())
    a_commit(folder, "other/1.0", a_version())
    return folder


def test_the_working_tree_is_judged_with_what_is_untracked_and_without_what_is_ignored(repository: Path) -> None:
    write(repository, "tiny/1.1", BAD)
    assert registry(repository, "validate").code == 1

    (repository / ".gitignore").write_text("models/tiny/1.1/\n.registry/\n")
    assert registry(repository, "validate").out == "ok: 2 versions, nothing wrong\n"


def test_a_commit_is_judged_and_the_working_tree_left_aside(repository: Path) -> None:
    commit = a_commit(repository, "tiny/1.1", BAD)
    git(repository, "rm", "-r", "--quiet", "--cached", "models/tiny/1.1")

    assert registry(repository, "validate", "--head", commit).code == 1
    assert registry(repository, "validate", "--head", f"{commit}~1").code == 0


def test_only_what_differs_from_the_base_is_judged(repository: Path) -> None:
    base = a_commit(repository, "old/1.0", BAD)
    a_commit(repository, "tiny/1.1", a_version())

    committed = registry(repository, "validate", "--base", base, "--head", "HEAD")
    assert (committed.code, committed.out) == (0, "ok: 1 version, nothing wrong\n")
    write(repository, "tiny/1.2", BAD)
    working = registry(repository, "validate", "--base", base, "--format", "json")
    assert {finding["path"] for finding in working.json["findings"]} == {"models/tiny/1.2/model.yaml"}


def test_a_version_of_the_base_keeps_its_content_and_may_change_its_words(repository: Path) -> None:
    a_commit(
        repository, "tiny/1.0", a_version(a_descriptor(model_config__description="Better."), index__md=b"# Better\n")
    )
    assert registry(repository, "validate", "--base", "HEAD~1").code == 0

    changes = a_descriptor(model_config__type="DECODER", model_config__description="Better.")
    a_commit(repository, "tiny/1.0", a_version(changes, model__bin=b"other weights"))
    done = registry(repository, "validate", "--base", "HEAD~1", "--format", "json")

    found = {(f["rule"], f["field"], f["line"]) for f in done.json["findings"]}
    kept = {("registered-content", "model_config.type", 2), ("registered-content", "model_files.model.bin", 11)}
    assert (done.code, found) == (1, kept)
    assert "add it as a new version" in done.json["findings"][0]["message"]


def test_a_version_of_the_base_is_withdrawn_before_it_is_removed(repository: Path) -> None:
    removal = json.dumps({"lifecycle": {"state": "removed", "reason": "Wrong licence."}}).encode()
    git(repository, "rm", "-r", "--quiet", "models/tiny/1.0")
    a_commit(repository, "tiny/1.0", {"model.yaml": removal})

    done = registry(repository, "validate", "--base", "HEAD~1", "--format", "json")

    assert (done.code, [f["rule"] for f in done.json["findings"]]) == (1, ["registered-removed"])
    again = a_commit(repository, "tiny/1.0", a_version())
    done = registry(repository, "validate", "--base", f"{again}~1", "--head", again, "--format", "json")
    assert [f["rule"] for f in done.json["findings"]] == ["registered-removed"]


def test_the_policy_is_that_of_the_base(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.registry.severity]\nwrong-value = "off"\n')
    a_commit(repository, "tiny/1.1", BAD)

    assert registry(repository, "validate", "--head", "HEAD").code == 0
    assert registry(repository, "validate", "--base", "HEAD~1", "--head", "HEAD").code == 1


def test_a_path_limits_what_is_judged_from_any_folder(repository: Path) -> None:
    write(repository, "tiny/1.1", BAD)

    assert registry(repository / "models", "validate", "other").out == "ok: 1 version, nothing wrong\n"
    assert registry(repository / "models" / "tiny", "validate", "1.1/model.yaml").code == 1
    nowhere = registry(repository, "validate", "nowhere")
    assert (nowhere.code, "is not in this repository" in nowhere.err) == (2, True)


def test_a_commit_that_is_not_there_is_exit_2_with_the_fetch_to_run(repository: Path) -> None:
    done = registry(repository, "validate", "--base", "0123456789abcdef0123456789abcdef01234567")

    assert done.code == 2
    assert "hint: fetch" in done.err
    assert "git fetch" in done.err


def test_a_folder_outside_of_git_is_exit_2(tmp_path: Path) -> None:
    done = registry(tmp_path, "validate")

    assert (done.code, "is in no git repository" in done.err) == (2, True)


def test_a_broken_base_does_not_hide_what_a_diff_shows(repository: Path) -> None:
    a_commit(repository, "tiny/1.0", {"model.yaml": b"model_config: [\n"})
    a_commit(repository, "tiny/1.0", a_version())

    done = registry(repository, "diff", "HEAD~1", "--format", "json")

    assert [(c["model"], c["kind"], c["unreadable"]) for c in done.json["changes"]] == [
        ("tiny/1.0", "changed", "before")
    ]


def test_a_diff_looks_for_models_where_the_base_has_them(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.registry]\nmodels = "elsewhere"\n')
    a_commit(repository, "tiny/1.1", a_version())

    assert "tiny/1.1: added" in registry(repository, "diff", "HEAD~1").out


def test_settings_that_a_change_breaks_are_a_finding_where_they_stand(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.registry]\nstorege = 1\n")
    a_commit(repository, "tiny/1.1", a_version())

    done = registry(repository, "validate", "--base", "HEAD~1", "--head", "HEAD", "--format", "json")

    found = [(finding["path"], finding["rule"]) for finding in done.json["findings"]]
    assert (done.code, found) == (1, [("pyproject.toml", "settings-invalid")])
    assert "did you mean `storage`?" in done.json["findings"][0]["message"]
