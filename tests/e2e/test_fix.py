"""Fix: what has one answer is written, the rest is named, and nothing else in the working tree changes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.build import FILES, a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry

DRAFT = """\
# ü: a draft
name: tiny
model_config:
  inference_properties: {entry_script: ./inference.py, conda_env: environment.yml}
model_files:
  inference.py: ./inference.py
  environment.yml: ./environment.yml
  index.md: ./index.md
  model.bin: ./model.bin   # the weights
model_metainfo:
  type: encoder   # of text
  index_page_file: index.md
  input_types: [NATURAL_LANGUAGE]
  input_languages: [English]
  input_description: A line.
  output_types: [OTHER]
  output_description: A vector.
  num_params: 1_000
"""
FIXED = """\
# ü: a draft
model_config:
  type: ENCODER   # of text
  inference_properties: {entry_script: inference.py, conda_env: environment.yml}
model_files:
  inference.py: ./inference.py
  environment.yml: ./environment.yml
  index.md: ./index.md
  model.bin: ./model.bin   # the weights
model_metainfo:
  index_page_file: index.md
  input_types: [NATURAL_LANGUAGE]
  input_languages: [en]
  input_description: A line.
  output_types: [OTHER]
  output_description: A vector.
  num_params: 1000
"""
SAID = """\
    repeated-identity: `name` is given by the folder, `tiny/1.0`. Take the line out
    entry-script-unknown: `./inference.py` is not in `model_files`. Did you mean `inference.py`?
    misplaced-key: `type` does not belong in `model_metainfo`. Move it to `model_config`
    language-unknown: `English` is not a known human language: did you mean `en`?
    wrong-type: `num_params` is the text `1_000`; write a whole number: `1000`
    wrong-value: `type` is `encoder`; write one of `ENCODER`, `DECODER` or `SEQ2SEQ`. Did you mean `ENCODER`?
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one good version."""
    folder = a_repository(tmp_path / "repository")
    a_commit(folder, "good/1.0", a_version())
    return folder


def draft(repository: Path, text: str = DRAFT, model: str = "tiny/1.0") -> Path:
    """A version with this descriptor; returns the descriptor."""
    write(repository, model, FILES | {"model.yaml": text.encode()})
    return repository / "models" / model / "model.yaml"


def status(repository: Path) -> str:
    """What git has to say of the working tree."""
    return git(repository, "status", "--porcelain", "--untracked-files=all")


def test_a_draft_is_mended_and_a_second_time_there_is_nothing_to_fix(repository: Path) -> None:
    descriptor = draft(repository)
    descriptor.chmod(0o664)
    before = status(repository)

    done = registry(repository, "fix")
    again = registry(repository, "fix")

    head = "fixed: 6 findings in 1 descriptor\n\nmodels/tiny/1.0/model.yaml\n"
    assert (done.code, done.out, done.err) == (0, f"{head}{SAID}\nok: 2 versions, nothing wrong\n", "")
    assert descriptor.read_text() == FIXED
    assert stat.S_IMODE(descriptor.stat().st_mode) == 0o664
    assert status(repository) == before
    assert (again.code, again.out) == (0, "nothing to fix\n\nok: 2 versions, nothing wrong\n")


def test_what_only_a_person_knows_is_left_and_named_at_its_place_now(repository: Path) -> None:
    descriptor = draft(repository, DRAFT.replace("  index_page_file: index.md\n", ""))
    done = registry(repository, "fix", "--format", "json")
    assert (done.code, done.json["written"], done.json["counts"]) == (
        1,
        True,
        {"fixed": 6, "error": 1, "warning": 0, "notice": 0},
    )
    assert [(f["rule"], f["line"], f["column"]) for f in done.json["findings"]] == [("missing-key", 10, 1)]
    assert [(file["path"], len(file["fixed"])) for file in done.json["files"]] == [("models/tiny/1.0/model.yaml", 6)]
    assert descriptor.read_text() == FIXED.replace("  index_page_file: index.md\n", "")


def test_a_dry_run_shows_what_would_change_and_writes_nothing(repository: Path) -> None:
    descriptor = draft(repository)
    done = registry(repository, "fix", "--dry-run")
    assert done.code == 0
    assert done.out.startswith("would fix: 6 findings in 1 descriptor\n")
    for line in ("-name: tiny", "-  type: encoder   # of text", "+  type: ENCODER   # of text", "+  num_params: 1000"):
        assert f"\n    {line}\n" in done.out
    assert done.out.endswith("\n\nok: 2 versions, nothing wrong\n")
    assert descriptor.read_text() == DRAFT


def test_only_the_folders_that_are_named_are_fixed_from_any_folder(repository: Path) -> None:
    one, other = (draft(repository, model=f"tiny/1.{number}") for number in range(2))
    done = registry(other.parent, "fix", ".", "--format", "json")
    assert ([file["path"] for file in done.json["files"]], one.read_text()) == (["models/tiny/1.1/model.yaml"], DRAFT)
    unknown = registry(repository, "fix", "models/none")
    assert (unknown.code, unknown.err.splitlines()[0]) == (2, "error: `models/none` is not in this repository")


def test_a_link_is_not_followed(repository: Path) -> None:
    elsewhere = repository.parent / "elsewhere.yaml"
    elsewhere.write_text(DRAFT)
    descriptor = draft(repository)
    descriptor.unlink()
    descriptor.symlink_to(elsewhere)
    done = registry(repository, "fix")
    assert (done.code, done.out.splitlines()[0], elsewhere.read_text()) == (1, "nothing to fix", DRAFT)
    assert "symlink" in done.out


def test_no_output_holds_a_secret(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.registry.policy]\nsources = ["https://models.example.com/"]\n')
    signed = "https://ada:horse@models.example.com/model.bin?sv=1&sig=battery%3D"
    text = DRAFT.replace("./model.bin", signed).replace(
        "  type: encoder   # of text\n",
        "  type: encoder\n  docker_registry:\n    url: r.example.com\n    username: ci\n    password: |\n"
        "      correct staple\n",
    )
    draft(repository, text)
    for arguments in (["--dry-run"], ["--dry-run", "--format", "json"], []):
        done = registry(repository, "fix", *arguments)
        assert done.code == 1
        assert "source-credentials" in done.out
        assert not [word for word in ("horse", "battery", "correct", "staple") if word in done.out + done.err]


def test_a_pin_that_another_version_has_is_taken_over(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.registry.policy]\nsources = ["https://models.example.com/"]\n')
    url, pin = "https://models.example.com/model.bin", {"sha256": "ab" * 32, "size": 17}
    pinned = a_descriptor(**{"model_files__model.bin": {"source": url, **pin}})
    files = a_version(pinned)
    del files["model.bin"]
    a_commit(repository, "tiny/0.9", files)
    descriptor = draft(repository, FIXED.replace("./model.bin", url))
    (descriptor.parent / "model.bin").unlink()

    assert registry(repository, "fix").code == 0
    assert f"model.bin: {{source: {url}, sha256: {'ab' * 32}, size: 17}}   # the weights" in descriptor.read_text()
