"""Each rule has a page that quotes its examples, and `registry explain` prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from registry.cli import run
from registry.identity import UNPRINTABLE
from registry.rules import RULES, UNREGISTRABLE, page
from registry.rules.page import Example, Page, parse_page, read_page
from registry.snapshot import Version, make_snapshot
from registry.tree import MAX_BYTES, TreeFile
from tests.command import registry
from tests.examples.made import MADE
from tests.test_examples import EXAMPLES, EXPECTED, SHOWN, a_tree

ROOT = Path(__file__).parent.parent
PAGES = Path(page.__file__).parent
GOLDEN = Path(__file__).with_name("golden") / "explain"
NAMES = sorted(RULES)
STORED = [rule for rule in SHOWN if rule not in MADE]
LEFT_OUT = "…"

WRITTEN = "One line,\nand another.\n\nMore.\n\nWrong:\n\n```yaml\na: [\n```\n\nRight:\n\n```text\n  b\n\nc\n```\n"


def texts(tree: Path) -> list[str]:
    """What an example of a page can quote: the files of a tree that are text, and the list of all."""
    files = [file for file in sorted(tree.rglob("*")) if file.is_file() and file.name != EXPECTED]
    listed = "\n".join(file.relative_to(tree).as_posix() for file in files)
    return [listed, *(file.read_text("utf-8", "replace") for file in files)]


def quotes(example: Example) -> list[str]:
    """The pieces of an example that stand so in its tree: what lies between lines left out; of a diff each line."""
    lines = example.text.split("\n")
    if example.language == "diff":
        return [line[1:] for line in lines]
    pieces = "\n".join("\0" if line.strip() == LEFT_OUT else line for line in lines).split("\0")
    return [piece.strip("\n") for piece in pieces if piece.strip("\n")]


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `registry explain` prints."""
    assert run(["explain", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("text", [WRITTEN, WRITTEN.replace(":\n\n```", ":\n```")])
def test_a_page_is_read_as_its_parts(text: str) -> None:
    assert parse_page(text) == Page(
        "One line, and another.\n\nMore.", Example("yaml", "a: ["), Example("text", "  b\n\nc")
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRITTEN.replace("Right:", "Left:"),
        WRITTEN.replace("```yaml", "```"),
        WRITTEN.replace("One line,\nand another.\n\nMore.\n\n", ""),
        WRITTEN.replace("More.", "```yaml\na: b\n```"),
        WRITTEN.replace("\n  b\n\nc\n", "\n"),
        WRITTEN + "\nRight:\n\n```yaml\na: b\n```\n",
        WRITTEN + "More.\n",
    ],
)
def test_what_is_no_page_is_not_read_as_one(text: str) -> None:
    assert text != WRITTEN
    with pytest.raises(ValueError, match="a page is why"):
        parse_page(text)


def test_each_rule_has_a_page_and_each_page_a_rule() -> None:
    assert sorted(file.stem for file in PAGES.glob("*.md")) == NAMES


@pytest.mark.parametrize("rule", NAMES)
def test_a_page_is_short_and_its_examples_differ(rule: str) -> None:
    found = read_page(rule)
    assert len(found.why) <= 500
    assert max(len(example.text.splitlines()) for example in found[1:]) <= 12
    assert found.wrong != found.right
    assert not UNPRINTABLE.search((PAGES / f"{rule}.md").read_text("utf-8"))


def test_no_two_rules_have_the_same_reason() -> None:
    assert len({read_page(rule).why for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", STORED)
@pytest.mark.parametrize(("kind", "part"), [("invalid", "wrong"), ("valid", "right")])
def test_an_example_quotes_the_tree_of_its_rule(kind: str, part: str, rule: str) -> None:
    whole = [f"\n{text}\n" for text in texts(EXAMPLES / kind / rule)]
    quoted = quotes(getattr(read_page(rule), part))
    assert quoted
    assert [piece for piece in quoted if not any(f"\n{piece}\n" in text for text in whole)] == []


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_is_explained_with_all_of_its_page(rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed, found = RULES[rule], read_page(rule)
    text = explained(capsys, rule)
    assert text.startswith(f"{rule} ({listed.family}, {listed.severity})\n")
    assert " ".join(f"{listed.summary} {found.why}".split()) in " ".join(text.split())
    for example in found[1:]:
        assert "".join(f"    {line}".rstrip() + "\n" for line in example.text.split("\n")) in text
    assert (f'\n    {rule} = "{listed.severity}"  # or ' in text) is (rule not in UNREGISTRABLE)
    assert json.loads(explained(capsys, rule, "--format", "json")) == {
        "format": 1,
        "rule": rule,
        "family": listed.family,
        "severity": listed.severity,
        "summary": listed.summary,
        "why": found.why,
        "wrong": found.wrong.text,
        "right": found.right.text,
    }
    markdown = explained(capsys, rule, "--format", "markdown")
    assert markdown.startswith(f"# {rule}\n\n{listed.summary}")
    assert all(f"\n```{example.language}\n{example.text}\n```\n" in markdown for example in found[1:])


@pytest.mark.parametrize("file", ["num-params-wrong.txt", "tag.txt", "registered-content.md"])
def test_exactly_this_is_printed(
    file: str,
    capsys: pytest.CaptureFixture[str],
    accept: bool,  # noqa: FBT001 - a fixture
) -> None:
    rule, kind = file.split(".")
    found = explained(capsys, rule, "--format", {"txt": "text", "md": "markdown"}[kind])
    if accept:
        (GOLDEN / file).write_text(found)
    assert found == (GOLDEN / file).read_text()


def test_without_a_rule_all_are_listed_by_family(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys).splitlines()
    families = list(dict.fromkeys(rule.family for rule in RULES.values()))
    assert [line for line in lines if line and line[0] != " "] == [*families, "next: registry explain RULE"]
    listed = [line.split(maxsplit=2) for line in lines if line.startswith("  ")]
    assert sorted(listed) == [[name, RULES[name].severity, RULES[name].summary] for name in NAMES]
    told = json.loads(explained(capsys, "--format", "json"))
    assert told["format"] == 1
    assert {rule.pop("rule"): rule for rule in told["rules"]} == {name: rule._asdict() for name, rule in RULES.items()}
    assert explained(capsys, "--format", "markdown").count("\n| `") == len(RULES)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("unknown-kye", "did you mean `unknown-key`? `registry explain` lists them all"),
        ("Tag", "did you mean `tag`? `registry explain` lists them all"),
        ("../rules/tag", "`registry explain` lists them all"),
        ("\x1b[31m", "`registry explain` lists them all"),
    ],
)
def test_an_unknown_rule_is_refused_and_the_nearest_named(rule: str, hint: str, tmp_path: Path) -> None:
    done = registry(tmp_path, "explain", rule)
    shown = rule.replace("\x1b", "\\u001b")
    assert (done.code, done.out, done.err) == (2, "", f"error: there is no rule `{shown}`\nhint: {hint}\n")


def test_a_rule_is_explained_outside_of_any_repository(tmp_path: Path) -> None:
    done = registry(tmp_path, "explain", "tag", env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert (done.code, done.out, done.err) == (0, (GOLDEN / "tag.txt").read_text(), "")


def versions(tree: Path) -> list[Version]:
    """The versions of a tree on disk."""
    files = []
    for file in sorted(tree.glob("models/*/*/*")):
        if file.is_file():
            data = file.read_bytes()
            content = data if len(data) <= MAX_BYTES else None
            files.append(TreeFile(file.relative_to(tree).as_posix(), "100644", "", len(data), content))
    return list(make_snapshot(files, "models").versions.values())


def test_only_rules_are_said_to_be_unregistrable() -> None:
    assert set(RULES) >= UNREGISTRABLE


@pytest.mark.parametrize("rule", SHOWN)
def test_what_leaves_no_descriptor_is_said_to_be_unregistrable(rule: str, tmp_path: Path) -> None:
    found = versions(a_tree("invalid", rule, tmp_path / "repository"))
    assert found
    if any(version.descriptor is None and version.removal is None for version in found):
        assert rule in UNREGISTRABLE


def test_the_wheel_holds_the_pages() -> None:
    files = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"registry/rules/{rule}.md" for rule in RULES} <= files


def test_the_wheel_holds_the_steps_of_the_tables() -> None:
    files = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    steps = (ROOT / "registry/server/records/migrations").rglob("*.py")
    assert {str(step.relative_to(ROOT)) for step in steps} <= files
