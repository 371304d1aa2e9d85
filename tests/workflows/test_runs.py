"""What the workflows do, run by act against a repository with a bare origin."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azurite import Azurite
from tests.build import a_descriptor, a_version, write
from tests.workflows.act import Event, Forge
from tests.workflows.planted import plant
from tests.workflows.said import Annotation, Run

MISTAKE = a_version(a_descriptor(colour="red"))
NO_KEY = Annotation(
    "error", "models/tiny/1.1/model.yaml", 24, 1, "unknown-key", "`colour` is not a key of the top level. Take it out"
)


def propose(forge: Forge, model: str, files: dict[str, bytes], branch: str = "proposal") -> Path:
    """Push a branch that adds a version."""
    clone = forge.clone()
    write(clone, model, files)
    forge.push(clone, branch, f"Add {model}")
    return clone


@dataclass(frozen=True)
class Attack:
    """The run for a pull request with a mistake, which would switch the rule off and run what it brings."""

    run: Run
    marker: Path  # where what is run from the pull request writes its name


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory, wheels: Mapping[str, str]) -> Attack:
    """A hostile pull request, judged once for several tests."""
    folder = tmp_path_factory.mktemp("attack")
    forge = Forge(folder, wheels)
    clone = propose(forge, "tiny/1.1", MISTAKE)
    plant(clone, folder / "marker")
    forge.push(clone, "proposal", "Take over")
    return Attack(forge.run(forge.open_pull_request("proposal"), "validate.yml"), folder / "marker")


def test_a_mistake_fails_the_job_and_stands_on_its_line(attack: Attack) -> None:
    assert attack.run.jobs == {"validate": "failure"}, attack.run.log
    assert attack.run.annotations[0] == NO_KEY
    settings = [(note.level, note.file, note.title) for note in attack.run.annotations[1:]]
    assert settings == [("warning", "pyproject.toml", "settings-loosened")]


def test_the_summary_has_findings_and_changes_also_after_a_failure(attack: Attack) -> None:
    assert "failed: 1 version, 1 error" in attack.run.summary
    assert "<code>tiny/1.1</code> added, compared with 1.0" in attack.run.summary


def test_nothing_that_a_pull_request_brings_is_run(attack: Attack) -> None:
    assert attack.run.jobs == {"validate": "failure"}, attack.run.log
    assert not attack.marker.exists(), attack.marker.read_text()


def test_a_good_pull_request_passes_and_is_compared_with_what_it_is_merged_with(forge: Forge) -> None:
    propose(forge, "tiny/1.1", a_version(a_descriptor(model_metainfo__num_params=2_100_000)))
    stale = forge.open_pull_request("proposal").payload["pull_request"]
    propose(forge, "other/1.0", a_version(), "other")
    forge.merge("other")
    event = forge.open_pull_request("proposal")

    run = forge.run(Event(event.name, {**event.payload, "pull_request": stale}, event.commit), "validate.yml")

    assert run.jobs == {"validate": "success"}, run.log
    assert [(note.level, note.title) for note in run.annotations] == [("notice", "num-params-jump")]
    assert "<code>tiny/1.1</code> added, compared with 1.0" in run.summary
    assert "num_params" in run.summary
    assert "other/1.0" not in run.summary


def test_a_merge_group_is_judged_from_its_base_to_its_head(forge: Forge) -> None:
    propose(forge, "tiny/1.1", MISTAKE, "one")
    propose(forge, "other/1.0", a_version(), "two")

    run = forge.run(forge.queue("one", "two"), "validate.yml")

    assert run.jobs == {"validate": "failure"}, run.log
    assert NO_KEY in run.annotations
    assert [(note.level, note.title) for note in run.annotations if note != NO_KEY] == [("notice", "new-model")]
    assert "failed: 2 versions, 1 error, 1 notice" in run.summary
    assert "`other/1.0`" in run.summary
    assert "<code>tiny/1.1</code> added" in run.summary


def test_a_base_without_the_tool_says_that_it_is_to_be_merged_first(forge: Forge) -> None:
    clone = forge.clone()
    for name in ("registry/cli/__init__.py", "requirements/run.txt"):
        (clone / name).unlink()
    forge.push(clone, "main")
    propose(forge, "tiny/1.1", a_version())

    run = forge.run(forge.open_pull_request("proposal"), "validate.yml")

    assert run.jobs == {"validate": "failure"}, run.log
    assert [(note.level, note.title) for note in run.annotations] == [("error", "no-validator")]


def test_what_is_merged_is_registered_and_the_clock_repairs_what_was_lost(forge: Forge, tmp_path: Path) -> None:
    propose(forge, "tiny/1.1", a_version())
    kept = tmp_path / "storage" / "tiny" / "1.1" / "model.bin"

    merged = reconcile(forge, forge.merge("proposal"), tmp_path)
    assert merged.jobs == {"reconcile": "success"}, merged.log
    assert "2 registered" in merged.summary
    assert "registered tiny/1.1" in merged.log
    kept.unlink()

    repaired = reconcile(forge, forge.schedule(), tmp_path)
    assert repaired.jobs == {"reconcile": "success"}, repaired.log
    assert "1 repaired" in repaired.summary
    assert kept.is_file()


def test_a_run_by_hand_fails_for_one_refused_version_and_hides_its_secrets(
    forge: Forge, tmp_path: Path, azurite: Azurite
) -> None:
    propose(forge, "other/1.0", MISTAKE)
    forge.merge("proposal")
    container = azurite.url("private", f"models-{secrets.token_hex(6)}")
    kept = {"REGISTRY_DATABASE": f"sqlite:///{tmp_path / 'registry.db'}", "AZURE_STORAGE_KEY": azurite.key("private")}
    variables = {"REGISTRY_STORAGE": container}

    run = forge.run(forge.dispatch(), "reconcile.yml", secrets=kept, variables=variables)

    assert run.jobs == {"reconcile": "failure"}, run.log
    assert "1 registered, 1 refused" in run.summary
    assert [secret for secret in kept.values() if secret in run.log + run.summary] == []


@pytest.mark.parametrize(
    ("variables", "title"), [({}, "no-storage"), ({"REGISTRY_STORAGE": "/kept/storage"}, "no-endpoint")]
)
def test_a_runner_that_would_forget_everything_is_refused(forge: Forge, variables: dict[str, str], title: str) -> None:
    run = forge.run(forge.dispatch(), "reconcile.yml", variables=variables)

    assert run.jobs == {"reconcile": "failure"}, run.log
    assert [(note.level, note.title) for note in run.annotations] == [("error", title)], run.log


def reconcile(forge: Forge, event: Event, folder: Path) -> Run:
    """Run reconcile.yml with storage and records in a folder that outlives the runner."""
    database = {"REGISTRY_DATABASE": f"sqlite:///{folder / 'registry.db'}"}
    variables = {"REGISTRY_STORAGE": str(folder / "storage")}
    return forge.run(event, "reconcile.yml", secrets=database, variables=variables)
