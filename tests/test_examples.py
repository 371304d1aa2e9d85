"""For each rule a small tree that breaks it and its valid twin, and exactly what a contributor reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry.cli import run
from registry.rules import RULES
from tests.build import git
from tests.command import registry
from tests.examples.made import MADE

EXAMPLES = Path(__file__).with_name("examples")
EXPECTED = "expected.txt"
# These compare a version with what is registered, which no tree alone can show: see tests/unit/test_plan.py.
OF_THE_PLAN = {"registered-content", "registered-removed"}
SHOWN = sorted(set(RULES) - OF_THE_PLAN)


def a_tree(kind: str, rule: str, folder: Path) -> Path:
    """The example as a scratch repository, with the mistake made where it is not stored."""
    stored = EXAMPLES / ("valid" if rule in MADE else kind) / rule
    shutil.copytree(stored, folder, ignore=shutil.ignore_patterns(EXPECTED))
    git(folder, "init", "--quiet", "--initial-branch=main")
    if kind == "invalid" and rule in MADE:
        MADE[rule](folder / "models/tiny/1.0")
    return folder


def expected(kind: str, rule: str) -> str:
    """What the command prints for the example."""
    return (EXAMPLES / kind / rule / EXPECTED).read_text()


def exit_code(kind: str, rule: str) -> int:
    """Only an error fails a check."""
    return int(kind == "invalid" and RULES[rule].severity == "error")


@pytest.mark.parametrize("rule", SHOWN)
@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_a_contributor_reads_exactly_this(
    kind: str,
    rule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    accept: bool,  # noqa: FBT001 - a fixture
) -> None:
    monkeypatch.chdir(a_tree(kind, rule, tmp_path / "repository"))
    code = run(["validate"])
    page = capsys.readouterr().out
    if accept:
        (EXAMPLES / kind / rule / EXPECTED).write_text(page)
    assert page == expected(kind, rule)
    assert code == exit_code(kind, rule)


@pytest.mark.parametrize("rule", SHOWN)
def test_a_commit_is_judged_as_the_working_tree_is(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = a_tree("invalid", rule, tmp_path / "repository")
    git(tree, "-c", "advice.addEmbeddedRepo=false", "add", "--all")
    git(tree, "commit", "--quiet", "--message=example")
    shutil.rmtree(tree / "models")
    monkeypatch.chdir(tree)
    assert run(["validate", "--head", "HEAD"]) == exit_code("invalid", rule)
    assert capsys.readouterr().out == expected("invalid", rule)


@pytest.mark.parametrize("rule", ["unknown-key", "tag", "language-alias"])
def test_the_installed_command_prints_the_same(rule: str, tmp_path: Path) -> None:
    done = registry(a_tree("invalid", rule, tmp_path / "repository"), "validate")
    assert (done.code, done.out, done.err) == (exit_code("invalid", rule), expected("invalid", rule), "")


@pytest.mark.parametrize("rule", SHOWN)
def test_an_example_shows_its_rule_and_its_twin_shows_nothing(rule: str) -> None:
    assert f": {RULES[rule].severity}: {rule}\n" in expected("invalid", rule)
    assert expected("valid", rule).endswith(", nothing wrong\n")


@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_each_rule_has_an_example_and_each_example_a_rule(kind: str) -> None:
    assert sorted(folder.name for folder in (EXAMPLES / kind).iterdir()) == SHOWN


def test_an_example_that_is_made_is_not_stored_too() -> None:
    assert [rule for rule in MADE if (EXAMPLES / "invalid" / rule / "models").exists()] == []
