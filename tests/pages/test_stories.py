"""The reviewer's page of each story is what it was when somebody read it; and what no page may ever do."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from referencing import Registry, Resource

from registry.cli import run
from tests.build import git
from tests.pages.stories import STORIES, a_base

GOLDEN = Path(__file__).parent.parent / "golden" / "review"
DOCS = Path(__file__).parent.parent.parent / "docs"
MOST = 60_000  # characters of a page of Markdown; GitHub cuts a comment off at 65,536
REFUSED = {
    "broken-descriptor", "files-changed", "folder-gone", "hostile-words", "renamed-model", "settings-loosened",
    "type-changed",
}  # fmt: skip
KEPT = {"html": {"new-version", "hostile-words"}, "text": STORIES.keys() - {"cut-for-size"}}  # that are stored
SHORT = [name for name in STORIES if name != "cut-for-size"]  # of JSON and HTML nothing is cut
OURS = {
    "p", "strong", "h4", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "details", "summary", "ul", "li",
    "blockquote", "del", "ins",
}  # fmt: skip
SCHEMAS: dict[str, Any] = {
    name: json.loads((DOCS / f"{name}.schema.json").read_text("utf-8")) for name in ("diff", "review")
}
KNOWN: Registry[Any] = Registry().with_resources(
    (f"{name}.schema.json", Resource.from_contents(json.loads((DOCS / f"{name}.schema.json").read_text("utf-8"))))
    for name in ("validate", "plan", "diff")
)


class Told(NamedTuple):
    """A story, and the repository in which it happened, between the commits `base` and HEAD."""

    name: str
    repository: Path


@pytest.fixture(params=list(STORIES), scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Each story."""
    repository = a_base(tmp_path_factory.mktemp("story") / "repository")
    git(repository, "branch", "base")
    STORIES[request.param](repository)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", f"--message={request.param}")
    return Told(request.param, repository)


@pytest.fixture
def page(told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Page:
    """Prints pages of the story."""
    monkeypatch.chdir(told.repository)
    return Page(capsys)


class Page:
    """What the commands print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = 0

    def __call__(self, form: str, command: str = "review") -> str:
        """The page of a command."""
        self.code = run([command, "base", "HEAD", "--format", form])
        return self._capsys.readouterr().out


@pytest.mark.parametrize("form", ["markdown", "text", "html"])
def test_the_page_is_as_it_was_read(told: Told, page: Page, form: str, *, accept: bool) -> None:
    expected = GOLDEN / told.name / {"markdown": "page.md", "text": "page.txt", "html": "page.html"}[form]
    shown = page(form)
    assert page.code == (1 if told.name in REFUSED else 0)
    if told.name not in KEPT.get(form, STORIES):
        assert "ok: " in shown or "failed: " in shown
        return
    if accept:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(shown, "utf-8")
    assert shown == expected.read_text("utf-8")


def test_a_page_of_markdown_is_short_ours_and_the_same_each_time(page: Page) -> None:
    shown = page("markdown")
    assert len(shown) <= MOST
    assert shown == page("markdown")
    elements, text = read(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(shown))
    assert elements <= OURS
    assert "@" not in text.replace("@\u200b", "")
    assert "\u202e" not in shown


@pytest.mark.parametrize("told", SHORT, indirect=True)
def test_a_page_of_html_loads_and_runs_nothing(page: Page) -> None:
    for command in ("review", "diff"):
        elements, _ = read(page("html", command))
        assert elements <= OURS | {"html", "head", "meta", "title", "style", "body", "h1", "h2", "span"}


@pytest.mark.parametrize("told", SHORT, indirect=True)
def test_json_is_as_its_schema_has_it(page: Page) -> None:
    for name in ("diff", "review"):
        report = json.loads(page("json", name))
        validator = Draft202012Validator(SCHEMAS[name], registry=KNOWN)
        assert [error.message for error in validator.iter_errors(report)] == []
        assert list(validator.iter_errors(report | {"changes": [{}]})) != []


class Reader(html.parser.HTMLParser):
    """The elements of a page, and its text outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it, and that it has no attribute but ours."""
        self.elements.add(tag)
        assert {key for key, _ in attrs} <= {
            "open",
            "class",
            "style",
            "lang",
            "charset",
            "name",
            "content",
            "http-equiv",
        }
        self._code += tag in ("code", "pre", "style")

    def handle_endtag(self, tag: str) -> None:
        """Note where code ends."""
        self._code -= tag in ("code", "pre", "style")

    def handle_data(self, data: str) -> None:
        """Note what is read as text."""
        self.text += "" if self._code else data


def read(page: str) -> tuple[set[str], str]:
    """The elements of a page, and its text outside of code."""
    reader = Reader()
    reader.feed(page)
    return reader.elements, reader.text
