"""The templates for issues and pull requests: of the form that the forge reads, and in words that the tool knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from registry.cli import COMMANDS
from registry.descriptor import Content
from tests.workflows.act import ROOT, tool

FOLDER = ROOT / ".github"
FORMS = sorted((FOLDER / "ISSUE_TEMPLATE").glob("*-*.yml"))
CONFIG = FOLDER / "ISSUE_TEMPLATE" / "config.yml"
PULL_REQUEST = FOLDER / "pull_request_template.md"


def problems(schema: str, *files: Path) -> str:
    """What a schema that the checker brings along finds wrong with some files; empty for nothing."""
    command = [tool("check-jsonschema"), "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def fields(form: Path) -> dict[str, Any]:
    """The questions of a form by their ids."""
    return {part["id"]: part for part in yaml.safe_load(form.read_text())["body"] if "id" in part}


def test_the_forge_can_read_the_forms() -> None:
    assert len(FORMS) == 2
    assert problems("vendor.github-issue-forms", *FORMS) == ""
    assert problems("vendor.github-issue-config", CONFIG) == ""


def test_a_form_that_the_forge_cannot_read_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "form.yml"
    broken.write_text(FORMS[0].read_text().replace("type: dropdown", "type: drop-down"))
    assert "drop-down" in problems("vendor.github-issue-forms", broken)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_no_question_is_asked_twice(form: Path) -> None:
    parts = [part for part in yaml.safe_load(form.read_text())["body"] if part["type"] != "markdown"]
    labels = [part["attributes"]["label"] for part in parts]
    assert len(set(labels)) == len(labels) == len(fields(form))


def test_a_request_asks_in_the_words_of_a_descriptor() -> None:
    asked = fields(FOLDER / "ISSUE_TEMPLATE" / "request-a-model.yml")
    for name in ("input", "output"):
        assert asked[name]["attributes"]["options"] == list(get_args(Content))


@pytest.mark.parametrize("file", [*FORMS, PULL_REQUEST], ids=lambda file: file.name)
def test_the_commands_that_are_named_are_there(file: Path) -> None:
    assert set(re.findall(r"`registry ([a-z]+)", file.read_text())) <= COMMANDS.keys()


def test_the_template_of_a_pull_request_is_read_at_a_glance() -> None:
    assert len(PULL_REQUEST.read_text().splitlines()) <= 12
    assert PULL_REQUEST.read_text().count("- [ ] ") == 3
