"""Markdown pages: strangers' text shows as text, and a page stays below what a comment can hold."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from registry.finding import Finding, Place
from registry.report.markdown import render_findings
from registry.report.markup import code, escape, inline
from registry.report.words import printable
from tests.unit.test_report import HOSTILE

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = [
    *(
        "*a*",
        "_a_",
        "**a**",
        "__a__",
        "~~a~~",
        "`a`",
        "``a``",
        "`a``b`",
        "`",
        "a`b",
        "`a\\`",
        "`|`",
        "``",
        "` a `",
        "```",
    ),
    *(
        "[a](b)",
        "![a](b)",
        "[a]",
        "[a]: b",
        "<b>a</b>",
        "<!-- a",
        "&lt;",
        "&#64;",
        "a\\|b",
        "\\",
        "a\\",
        "|",
        "\\|",
        "$a$",
    ),
    *("# a", "- a", "+ a", "* a", "1. a", "1) a", "> a", "    a", "\ta", "===", "---", "a  ", "<https://example.com>"),
    *(
        "https://example.com",
        "www.example.com",
        "ada@example.com",
        "@ada",
        "#1",
        "GH-1",
        "org/name#1",
        "~~~",
        "<a href='`'>`",
    ),
]


class _Shown(HTMLParser):
    """What a reader sees of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs == []
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(markdown: str) -> _Shown:
    """A page as a reader sees it."""
    return _Shown(MARKDOWN.render(markdown))


def squeezed(text: str) -> str:
    """A text without white space, what keeps names and numbers apart, and backticks."""
    return "".join(text.replace("\u200b", "").replace("`", "").split())


@pytest.mark.parametrize("text", [*MARKUP, *HOSTILE])
@pytest.mark.parametrize("place", ["{}", "- {}", "| a | b |\n|---|---|\n| {} | c |"])
def test_text_is_shown_as_it_is(text: str, place: str) -> None:
    around = shown(place.format("TEXT"))
    for write, tags in ((escape, set()), (code, {"code"}), (inline, {"code"})):
        page = shown(place.format(write(text)))
        assert page.tags <= around.tags | tags
        assert squeezed(page.text) == squeezed(around.text.replace("TEXT", printable(text)))


@given(st.text(st.sampled_from("`|\\a*_[]()<>@#!&;~$:/.-+=1 \n\t\u202e"), max_size=30))
@settings(max_examples=500, deadline=None)
def test_no_text_becomes_markup(text: str) -> None:
    page = shown(f"| a | b | c |\n|---|---|---|\n| {escape(text)} | {code(text)} | {inline(text)} |\n")
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert squeezed(page.text) == squeezed(f"abc{printable(text) * 3}")


@pytest.mark.parametrize("text", ["@ada", "a@b.c", "#1", "org/name#1", "gh-1", "GH-12"])
def test_what_is_shown_names_nobody_and_no_issue(text: str) -> None:
    assert text not in shown(escape(text)).text
    assert squeezed(shown(escape(text)).text) == text


@pytest.mark.parametrize("text", ["www.a.b", "WWW.a.b", "https://a.b", "ftp://a.b"])
def test_what_is_written_holds_no_link(text: str) -> None:
    assert text not in escape(text)
    assert shown(escape(text)).text.strip() == text


def test_what_a_sentence_quotes_is_code() -> None:
    assert inline("`a_b` is not a key. Did you mean `c|d`?") == (
        "`a_b` is not a key. Did you mean <code>c&#124;d</code>?"
    )
    assert (escape("a_b"), code("a_b"), code(" a"), code("")) == (
        "a&#95;b",
        "`a_b`",
        "<code>&#32;a</code>",
        "<code></code>",
    )


def a_finding(number: int, rule: str = "wrong-value", message: str = "is `wrong`", path: str = "") -> Finding:
    """A finding in one of many files."""
    return Place(path or f"models/tiny/{number:05}/model.yaml", 1 + number % 7, 3).finding(rule, message)


def test_a_page_has_a_verdict_a_table_for_each_file_and_the_next_step() -> None:
    page = render_findings([a_finding(1), a_finding(1, "tag"), a_finding(2, "language-alias")], 2)
    assert (
        page
        == """\
**failed: 2 versions, 2 errors, 1 notice**

`models/tiny/00001/model.yaml`

| place | severity | rule | what is wrong |
|---|---|---|---|
| 2:3 | error | `wrong-value` | is `wrong` |
| 2:3 | error | `tag` | is `wrong` |

`models/tiny/00002/model.yaml`

| place | severity | rule | what is wrong |
|---|---|---|---|
| 3:3 | notice | `language-alias` | is `wrong` |

next: mend what is named above, then run `registry validate` again

help: `registry explain wrong-value` shows the rule with examples
"""
    )
    assert render_findings([], 2) == "**ok: 2 versions, nothing wrong**\n"


@pytest.mark.parametrize(
    "findings",
    [
        [a_finding(number) for number in range(5000)],
        [a_finding(number // 500, message="|" * number) for number in range(5000)],
        [a_finding(1, message="\u202e" * 100_000)],
        [a_finding(1, path="|" * 100_000)],
        [a_finding(number, path="`" * number) for number in range(1000, 2000)],
    ],
)
def test_a_page_is_short_enough_for_a_comment_and_keeps_verdict_totals_and_the_next_step(
    findings: list[Finding],
) -> None:
    page = render_findings(findings, 9)
    assert len(page) <= 60_000
    assert page.startswith(f"**failed: 9 versions, {len(findings):,} error")
    assert page.count("\n| ") - page.count("\n| place") + _left(page) == len(findings)
    assert "\nhelp: `registry explain " in page
    shown(page)


def _left(page: str) -> int:
    line = next((line for line in page.split("\n") if " more finding" in line), "0 more")
    return int(line.split(" ")[0].replace(",", ""))


def test_where_not_all_fit_errors_come_first() -> None:
    warnings = [a_finding(number, "pickled-weights") for number in range(3000)]
    page = render_findings([*warnings, a_finding(4000)], 9)
    assert "models/tiny/04000/model.yaml" in page
    assert page.index("models/tiny/00000/") < page.index("models/tiny/04000/")
