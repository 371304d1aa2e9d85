"""What every workflow keeps, read as data: act enforces none of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
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
WRITES = {
    "drift.yml": {"drift": {"id-token": "write", "issues": "write"}},
    "reconcile.yml": {"reconcile": {"deployments": "write", "id-token": "write", "pull-requests": "write"}},
    "report.yml": {"report": {"pull-requests": "write", "statuses": "write"}},
}
ON_MAIN = {"branches": ["main"]}
TRIGGERS: Mapping[str, Any] = {  # `...`: with inputs
    "drift.yml": {"schedule": [{"cron": "47 3 * * *"}], "workflow_dispatch": "", "workflow_call": ...},
    "reconcile.yml": {
        "push": ON_MAIN, "schedule": [{"cron": "23 */6 * * *"}], "workflow_dispatch": ..., "workflow_call": ...,
    },
    "report.yml": {"workflow_run": {"workflows": ["validate"], "types": ["completed"]}, "workflow_call": ...},
    "test.yml": {"pull_request": "", "push": ON_MAIN},
    "validate.yml": {"pull_request": "", "merge_group": "", "workflow_call": ...},
}  # fmt: skip
CONCURRENCY = {  # the group, and whether a newer run cancels an older one
    "drift.yml": ("drift", "false"),
    "models.yml": ("models-${{ github.ref }}", "true"),
    "reconcile.yml": ("reconcile", "false"),
    # One head has one group: a later run for an older head never cancels that of a newer one.
    "report.yml": (
        "report-${{ github.event.workflow_run.head_repository.id }}-${{ github.event.workflow_run.head_sha }}", "true",
    ),
    "test.yml": ("test-${{ github.event.pull_request.number || github.sha }}", "true"),
    "validate.yml": ("validate-${{ github.event.pull_request.number || github.ref }}", "true"),
}  # fmt: skip
ENVIRONMENTS = {"drift.yml": "drift", "reconcile.yml": "production"}
CALLED = [name for name, on in TRIGGERS.items() if "workflow_call" in on]

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


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_workflow_starts_when_it_should_and_never_by_paths(name: str) -> None:
    on = load(FOLDER / "workflows" / name)["on"]
    assert {key: ... if TRIGGERS[name].get(key) is ... else value for key, value in on.items()} == TRIGGERS[name]


@every_workflow
def test_what_runs_at_the_same_time_is_said(file: Path) -> None:
    concurrency = load(file)["concurrency"]
    assert (concurrency["group"], concurrency["cancel-in-progress"]) == CONCURRENCY[file.name]


@every_workflow
def test_secrets_and_identity_are_behind_an_environment_of_their_own(file: Path) -> None:
    for _, job in jobs(file):
        is_privileged = "id-token" in job["permissions"] or "secrets." in str(job)
        assert is_privileged == (file.name in ENVIRONMENTS)
        assert job.get("environment") == ENVIRONMENTS.get(file.name)


@pytest.mark.parametrize("file", WITH_ACTIONS, ids=lambda file: file.parent.name + "/" + file.name)
def test_a_token_is_seen_by_the_one_step_that_speaks_to_github(file: Path) -> None:
    with_token = [step for step in steps(file) if "GITHUB_TOKEN" in step.get("env", {})]
    assert [step for step in with_token if " github " not in step["run"]] == []
    assert len(with_token) == (file.name in ("drift.yml", "reconcile.yml", "report.yml"))
    assert "github.token" not in str([step for step in steps(file) if step not in with_token])


@pytest.mark.parametrize("file", WITH_ACTIONS, ids=lambda file: file.parent.name + "/" + file.name)
def test_nothing_is_taken_from_an_artifact_or_a_cache_that_another_run_filled(file: Path) -> None:
    for step in steps(file):
        assert "artifact" not in str(step).lower()
        assert "cache" not in str(step).lower()


@pytest.mark.parametrize("name", ["report.yml", "reconcile.yml", "drift.yml"])
def test_the_tool_that_may_write_comes_from_the_default_branch_or_from_a_pinned_commit(name: str) -> None:
    checkouts = [step["with"] for step in steps(FOLDER / "workflows" / name) if "checkout@" in step.get("uses", "")]
    branch = "github.event.repository.default_branch"
    branch = branch if name == "report.yml" else f"{branch} || github.ref_name"
    assert [checkout["path"] for checkout in checkouts] == ["main", "tool"]
    assert checkouts[0]["ref"] == f"refs/heads/${{{{ {branch} }}}}"
    assert checkouts[1]["repository"] == "${{ inputs.tool-repository || github.repository }}"
    assert checkouts[1]["ref"] == f"${{{{ inputs.tool-ref || format('refs/heads/{{0}}', {branch}) }}}}"


@pytest.mark.parametrize("name", CALLED)
def test_a_called_workflow_takes_the_tool_from_a_full_commit_id_alone(name: str) -> None:
    inputs = load(FOLDER / "workflows" / name)["on"]["workflow_call"]["inputs"]
    assert {key for key, value in inputs.items() if value.get("required") == "true"} == {"tool-repository", "tool-ref"}
    checked, *rest = [step for step in steps(FOLDER / "workflows" / name) if step.get("if") == "inputs.tool-repository"]
    assert "^[0-9a-f]{40}$" in checked["run"]
    assert [step for step in rest if "checkout@" not in step["uses"]] == []


def test_every_input_and_output_is_described() -> None:
    for file in [*FOLDER.glob("actions/*/action.yml"), *FILES]:
        document = load(file)
        called = document["on"].get("workflow_call") or {} if "on" in document else document
        for kind in ("inputs", "outputs", "secrets"):
            assert [name for name, value in called.get(kind, {}).items() if len(value["description"]) < 10] == []


def test_reconcile_reads_the_whole_history() -> None:
    assert next(steps(FOLDER / "workflows" / "reconcile.yml"))["with"]["fetch-depth"] == "0"


def test_telling_how_it_ended_happens_always_and_decides_nothing() -> None:
    *_, reconcile, last = steps(FOLDER / "workflows" / "reconcile.yml")
    assert (last["if"], last["continue-on-error"]) == ("${{ always() && steps.tool.outputs.command }}", "true")
    assert int(reconcile["timeout-minutes"]) < int(
        next(jobs(FOLDER / "workflows" / "reconcile.yml"))[1]["timeout-minutes"]
    )


def test_python_starts_without_the_folder_it_is_in() -> None:
    for name in CALLED:
        for _, job in jobs(FOLDER / "workflows" / name):
            assert job["env"]["PYTHONSAFEPATH"] == "1"
    for step in steps(FOLDER / "actions" / "registry" / "action.yml"):
        assert "run" not in step or step["env"]["PYTHONSAFEPATH"] == "1"


def test_new_releases_are_proposed_after_a_week() -> None:
    updates = load(FOLDER / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip", "npm"}
    assert [update for update in updates if int(update["cooldown"]["default-days"]) < 7] == []
    folders = [folder for update in updates for folder in update.get("directories", [update.get("directory")])]
    assert [folder for folder in folders if not any(ROOT.glob(f".{folder}/*"))] == []
    used = {file.parent.relative_to(ROOT).as_posix() for file in WITH_ACTIONS if file.name == "action.yml"}
    assert [folder for folder in used if not any(fnmatch(f"/{folder}", pattern) for pattern in folders)] == []


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
        ["yamllint", "--strict", ".github"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, FILES)],
        [
            "check-jsonschema",
            "--builtin-schema",
            "vendor.github-actions",
            *map(str, FOLDER.glob("actions/*/action.yml")),
        ],
        ["check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"],
    ],
    ids=lambda command: command[2] if command[0] == "check-jsonschema" else command[0],
)
def test_a_linter_finds_nothing(command: list[str]) -> None:
    done = subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_documentation_names_each_workflow_input_and_output() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in page] == []
    action = load(FOLDER / "actions" / "registry" / "action.yml")
    rows = re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)
    assert [name for name in (*action["inputs"], *action["outputs"]) if name not in rows] == []
    assert [name for name in ENVIRONMENTS.values() if f"**Environment `{name}`**" not in page] == []
    for name, granted in WRITES.items():
        [row] = re.findall(rf"^\| `{re.escape(name)}` \|.*write`.*$", page, re.MULTILINE)
        assert {key for key, value in re.findall(r"`([\w-]+): (\w+)`", row) if value == "write"} == {
            key for job in granted.values() for key in job
        }
