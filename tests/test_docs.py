"""The documentation says what the code does."""

from __future__ import annotations

import dataclasses
import runpy
import tomllib
from pathlib import Path

import click
import pytest

from registry import __version__
from registry.cli import COMMANDS, cli
from registry.cli.github import COMMANDS as GITHUB
from registry.cli.github import github
from registry.policy import Policy
from registry.settings import Settings, parse_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"| `registry {command}" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(command: str) -> None:
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    assert found.get_short_help_str(limit=200) == COMMANDS[command]


@pytest.mark.parametrize("command", GITHUB)
def test_the_list_of_what_github_is_told_says_what_each_command_says_of_itself(command: str) -> None:
    found = github.get_command(click.Context(github), command)
    assert found is not None
    assert found.get_short_help_str(limit=200) == GITHUB[command]
    assert f"`registry github {command}`" in (ROOT / "docs" / "workflows.md").read_text()


def test_the_list_of_rules_is_that_of_the_code() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_rules"))["make_page"]()
    assert (ROOT / "docs" / "rules.md").read_text() == made, "run scripts/make_rules"


def test_the_settings_in_the_readme_are_all_of_them_with_their_defaults() -> None:
    shown = README.split("```toml\n")[1].split("```")[0]
    assert parse_settings(shown, {}) == Settings()
    table = tomllib.loads(shown)["tool"]["registry"]
    assert {*table["policy"], "severity"} == {field.name for field in dataclasses.fields(Policy)}
    assert set(table) == {"models", "storage", "endpoint", "policy", "severity"}


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text()
