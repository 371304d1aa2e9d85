"""For each rule a small tree that breaks it and its valid twin, and exactly what a contributor reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry.cli import run
from registry.rules import ONLINE, RULES
from tests.build import git
from tests.command import registry
from tests.examples.made import MADE

EXAMPLES = Path(__file__).with_name("examples")
EXPECTED = "expected.txt"
BASE = "base"  # in an example: what stood in the commit before, and so counts as registered
SHOWN = sorted(rule for rule in RULES if RULES[rule].family != ONLINE)  # what a tree can show


def a_tree(kind: str, rule: str, folder: Path) -> Path:
    """The example as a scratch repository, with the mistake made where it is not stored."""
    stored = EXAMPLES / ("valid" if rule in MADE else kind) / rule
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    if (stored / BASE).exists():
        copy(stored / BASE, folder)
        commit(folder, BASE)
        shutil.rmtree(folder / "models")
    copy(stored, folder)
    if kind == "invalid" and rule in MADE:
        MADE[rule](folder / "models/tiny/1.0")
    return folder


def copy(tree: Path, folder: Path) -> None:
    """Copy a tree with the times of now: git takes a file of the same size and time for the same file."""
    ignore = shutil.ignore_patterns(EXPECTED, BASE)
    shutil.copytree(tree, folder, dirs_exist_ok=True, ignore=ignore, copy_function=shutil.copyfile)


def commit(folder: Path, message: str) -> None:
    """Commit all of the tree."""
    git(folder, "-c", "advice.addEmbeddedRepo=false", "add", "--all")
    git(folder, "commit", "--quiet", f"--message={message}")


def options(rule: str, base: str) -> list[str]:
    """How a rule is judged: some only against the commit before."""
    return ["--base", base] if (EXAMPLES / "invalid" / rule / BASE).exists() else []


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
    code = run(["validate", *options(rule, "HEAD")])
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
    commit(tree, "example")
    shutil.rmtree(tree / "models")
    monkeypatch.chdir(tree)
    assert run(["validate", "--head", "HEAD", *options(rule, "HEAD~1")]) == exit_code("invalid", rule)
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
