"""What every workflow keeps, read as data: act enforces none of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.act import ROOT, tool

FOLDER = ROOT / ".github"
FILES = sorted((FOLDER / "workflows").glob("*.yml"))
WITH_ACTIONS = [*FILES, *sorted(FOLDER.glob("actions/*/action.yml"))]
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# What a job may do beyond reading the contents, which every job may.
WRITES = {"reconcile.yml": {"reconcile": {"id-token": "write"}}}
TRIGGERS: Mapping[str, Any] = {
    "validate.yml": {"pull_request": "", "merge_group": ""},
    "reconcile.yml": {"push": {"branches": ["main"]}, "schedule": [{"cron": "23 */6 * * *"}], "workflow_dispatch": ...},
}

every_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def load(file: Path) -> Any:
    """A YAML file in which every scalar is text, so that `on` is no bool."""
    return yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506  it makes text, lists and mappings alone


def jobs(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each job with its id."""
    yield from load(file)["jobs"].items()


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """Each step of a workflow or of a composite action."""
    document = load(file)
    for part in document["jobs"].values() if "jobs" in document else [document["runs"]]:
        yield from part["steps"]


@every_workflow
def test_nothing_is_permitted_but_what_a_job_names(file: Path) -> None:
    assert load(file)["permissions"] == {}
    allowed = WRITES.get(file.name, {})
    for name, job in jobs(file):
        assert job["permissions"] == {"contents": "read", **allowed.get(name, {})}


@every_workflow
def test_every_job_ends(file: Path) -> None:
    for _, job in jobs(file):
        assert 1 <= int(job["timeout-minutes"]) <= 60


@pytest.mark.parametrize("file", WITH_ACTIONS, ids=lambda file: file.name)
def test_every_action_is_a_commit_with_its_version(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses:\s*(.+)$", file.read_text(), re.MULTILINE)
    assert len(used) == sum("uses" in step for step in steps(file))
    assert [one for one in used if not one.startswith("./") and not PINNED.fullmatch(one)] == []


@pytest.mark.parametrize("file", WITH_ACTIONS, ids=lambda file: file.name)
def test_no_checkout_leaves_its_credentials_behind(file: Path) -> None:
    for step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("file", WITH_ACTIONS, ids=lambda file: file.name)
def test_no_value_becomes_part_of_a_script(file: Path) -> None:
    scripts = [step["run"] for step in steps(file) if "run" in step]
    assert [script for script in scripts if "${{" in script] == []
    assert [script for script in scripts if re.search(r"GITHUB_(ENV|PATH)\b", script)] == []


@every_workflow
def test_code_from_a_fork_never_meets_a_secret(file: Path) -> None:
    document = load(file)
    assert "pull_request_target" not in document["on"]
    if "pull_request" in document["on"]:
        assert not re.search(r"secrets\.|id-token|'environment'", str(document))


@every_workflow
def test_nothing_is_shared_through_a_cache(file: Path) -> None:
    for step in steps(file):
        assert "actions/cache" not in step.get("uses", "")
        assert "cache" not in step.get("with", {})


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_workflow_starts_when_it_should_and_never_by_paths(name: str) -> None:
    on = load(FOLDER / "workflows" / name)["on"]
    assert {key: ... if TRIGGERS[name].get(key) is ... else value for key, value in on.items()} == TRIGGERS[name]


def test_one_reconcile_at_a_time_and_none_is_cancelled() -> None:
    concurrency = load(FOLDER / "workflows" / "reconcile.yml")["concurrency"]
    assert concurrency == {"group": "reconcile", "cancel-in-progress": "false"}


def test_a_new_commit_takes_the_place_of_the_validation_before_it() -> None:
    concurrency = load(FOLDER / "workflows" / "validate.yml")["concurrency"]
    assert concurrency["cancel-in-progress"] == "true"
    assert "github.event.pull_request.number" in concurrency["group"]


def test_secrets_and_identity_are_behind_the_environment() -> None:
    for file in FILES:
        for _, job in jobs(file):
            is_privileged = "id-token" in job["permissions"] or "secrets." in str(job)
            assert job.get("environment") == ("production" if is_privileged else None)


def test_reconcile_reads_the_whole_history_of_main() -> None:
    checkout = next(steps(FOLDER / "workflows" / "reconcile.yml"))["with"]
    assert (checkout["ref"], checkout["fetch-depth"]) == ("refs/heads/main", "0")


def test_python_starts_without_the_folder_it_is_in() -> None:
    for name in ("validate.yml", "reconcile.yml"):
        for _, job in jobs(FOLDER / "workflows" / name):
            assert job["env"]["PYTHONSAFEPATH"] == "1"


def test_new_releases_are_proposed_after_a_week() -> None:
    updates = load(FOLDER / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip", "npm"}
    assert [update for update in updates if int(update["cooldown"]["default-days"]) < 7] == []
    assert all((ROOT / update["directory"].lstrip("/")).is_dir() for update in updates)


def test_the_machinery_has_other_owners_than_the_models() -> None:
    lines = (FOLDER / "CODEOWNERS").read_text().splitlines()
    owners = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    machinery = {
        owners.pop(path) for path in ("/.github/", "/registry/", "/pyproject.toml", "/requirements/", "/scripts/")
    }
    assert len(machinery) == 1
    assert owners.keys() == {"/models/"}
    assert machinery.isdisjoint(owners.values())


@pytest.mark.parametrize(
    "command",
    [
        ["zizmor", "--offline", "--no-progress", "--strict-collection", "--pedantic", ".github"],
        ["actionlint", "-no-color"],
    ],
    ids=lambda command: command[0],
)
def test_a_linter_finds_nothing(command: list[str]) -> None:
    done = subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
