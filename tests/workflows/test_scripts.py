"""The workflows that run a script of the repository: it is run in a whole checkout, and its word is the job's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build import a_version, write
from tests.workflows.act import Forge

HISTORY = 'test "$(git rev-list --count HEAD)" -gt 1\n'


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository whose workflows install nothing."""
    return Forge(tmp_path)


def proposal(forge: Forge, script: str, text: str) -> Path:
    """A pull request that brings a script and a version; returns the clone that it is from."""
    author = forge.clone()
    write(author, "tiny/1.1", a_version())
    (author / script).parent.mkdir(exist_ok=True)
    (author / script).write_text(f"#!/bin/sh\nset -e\n{text}")
    (author / script).chmod(0o755)
    forge.push(author, "proposal")
    return author


@pytest.mark.parametrize(
    ("workflow", "job", "script"),
    [("test.yml", "test", ".ci/run"), ("models.yml", "answers", "scripts/check_models")],
)
def test_the_script_decides(forge: Forge, workflow: str, job: str, script: str) -> None:
    author = proposal(forge, script, "echo it ran with ${GITHUB_TOKEN:-no token}; python --version\n")
    run = forge.run(forge.open_pull_request("proposal"), workflow, secrets={"REGISTRY_TOKEN": "a-secret"})
    assert run.jobs == {job: "success"}, run.log
    assert "it ran with no token" in run.log

    (author / script).write_text("#!/bin/sh\nexit 3\n")
    forge.push(author, "proposal")
    assert forge.run(forge.open_pull_request("proposal"), workflow).jobs == {job: "failure"}


def test_the_tests_see_the_history(forge: Forge) -> None:
    proposal(forge, ".ci/run", HISTORY)
    run = forge.run(forge.open_pull_request("proposal"), "test.yml")
    assert run.jobs == {"test": "success"}, run.log
