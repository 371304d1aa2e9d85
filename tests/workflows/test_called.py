"""A repository that holds models alone, and calls the workflows of the tool in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.build import a_descriptor, a_version, write
from tests.workflows.act import Forge, copy_tool, make_origin, stubs
from tests.workflows.github import GitHub

TOOL = "acme/registry"
CALLERS = {
    "validate.yml": """
name: validate
on: [pull_request, merge_group]
permissions: {}
jobs:
  validate:
    permissions: {contents: read}
    uses: acme/registry/.github/workflows/validate.yml@<commit>
    with: {tool-repository: acme/registry, tool-ref: <commit>}
""",
    "report.yml": """
name: report
on:
  workflow_run: {workflows: [validate], types: [completed]}
permissions: {}
jobs:
  report:
    permissions: {contents: read, statuses: write, pull-requests: write}
    uses: acme/registry/.github/workflows/report.yml@<commit>
    with: {tool-repository: acme/registry, tool-ref: <commit>}
""",
    "by-name.yml": """
name: by-name
on: [pull_request]
permissions: {}
jobs:
  validate:
    permissions: {contents: read}
    uses: acme/registry/.github/workflows/validate.yml@<commit>
    with: {tool-repository: acme/registry, tool-ref: main}
""",
    "action.yml": """
name: action
on: [pull_request]
permissions: {}
jobs:
  action:
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with: {path: models-checkout, persist-credentials: false}
      - id: registry
        continue-on-error: true
        uses: acme/registry/.github/actions/registry@<commit>
        with:
          working-directory: models-checkout
          arguments: |
            validate
            --format
            github
      - env:
          CODE: ${{ steps.registry.outputs.exit-code }}
          REPORT: ${{ steps.registry.outputs.report }}
          REGISTRY: ${{ steps.registry.outputs.command }}
        run: |
          echo "ended with $CODE, wrote $(wc -l < "$REPORT") lines, is $("$REGISTRY" --version)"
""",
}


class Caller(Forge):
    """A models repository, on main one small model and no tool; the tool is in a repository of its own."""

    def fill(self, first: Path) -> None:
        """The calls, with the tool's commit, and the settings."""
        tool = self.folder / "tool"
        copy_tool(tool)
        self.tool = tool
        self.commit = make_origin(tool, self.folder / "tool.git")
        self.env["FORGE_OTHER"] = (self.folder / "tool.git").as_uri()
        folder = first / ".github" / "workflows"
        folder.mkdir(parents=True)
        for name, text in CALLERS.items():
            (folder / name).write_text(text.replace("<commit>", self.commit))
        (first / "pyproject.toml").write_text("[tool.registry]\n")

    def actions(self, repository: Path) -> list[str]:
        """Stand-ins for those of both, and the tool itself."""
        return ["--local-repository", f"{TOOL}@{self.commit}={self.tool}", *stubs(repository), *stubs(self.tool)]


@pytest.fixture
def caller(tmp_path: Path, wheels: Mapping[str, str], github: GitHub) -> Caller:
    """A models repository on that GitHub, with a pull request whose descriptor is wrong."""
    caller = Caller(tmp_path, wheels, github)
    author = caller.clone()
    write(author, "tiny/1.1", a_version(a_descriptor(colour="red")))
    caller.push(author, "proposal")
    return caller


def test_a_pull_request_is_judged_and_reported_by_the_pinned_tool(caller: Caller, github: GitHub) -> None:
    judged = caller.run(caller.open_pull_request("proposal"), "validate.yml")
    assert "failure" in judged.jobs.values(), judged.log
    assert [(note.level, note.title) for note in judged.annotations] == [("error", "unknown-key")]
    assert "**failed: 1 version, 1 error**" in judged.summary

    reported = caller.run(caller.follow(1), "report.yml")
    assert set(reported.jobs.values()) == {"success"}, reported.log
    assert [status["state"] for status in github.statuses] == ["failure"]
    assert "unknown-key" in github.comments[1][0]["body"]


def test_a_tool_that_is_named_by_a_branch_is_refused(caller: Caller) -> None:
    judged = caller.run(caller.open_pull_request("proposal"), "by-name.yml")
    assert "failure" in judged.jobs.values(), judged.log
    assert [(note.level, note.title) for note in judged.annotations] == [("error", "not-pinned")]


def test_the_action_runs_the_tool_that_it_is_pinned_to(caller: Caller) -> None:
    run = caller.run(caller.open_pull_request("proposal"), "action.yml")
    assert run.jobs == {"action": "success"}, run.log
    assert [(note.level, note.title) for note in run.annotations] == [("error", "unknown-key")]
    assert "ended with 1, wrote 1 lines, is registry, version " in run.log
