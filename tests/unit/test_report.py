"""What strangers wrote comes out as text and nothing else, whatever the format."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.diff import Change, FieldChange, FileChange
from registry.finding import Finding, Place, Severity, weigh
from registry.identity import UNPRINTABLE, ModelId
from registry.outcome import Outcomes, Result
from registry.plan import Item, Plan
from registry.report import changes, github, markdown, text, words
from registry.report import json as report

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\rb",
    "a\nb",
    "a\r\n::error::b",
    "::error file=x::injected",
    "::set-output name=x::y",
    "%0A::error::b",
    "`code`",
    "```\n# a heading\n```",
    "\u202ereversed",
    "\u2066isolated",
    "a\u2028b",
    "a\u0085b",
    "\x00",
    "\udcff",  # a byte of a file's name
    "<img src=x onerror=alert(1)>",
    "[link](https://example.com)",
    "@everyone #1",
    "|a|b|",
    "[bold]rich[/bold]",
]
TINY = ModelId("tiny", "1.0")


def a_finding(written: str) -> Finding:
    """A finding with a stranger's text wherever one can stand."""
    place = Place(f"models/{written}/1.0/model.yaml", 3, 5, f"model_files.{written}")
    return place.finding("unknown-key", f"`{written}` is not a key", found=written, expected=written, fix=written)


def a_change(written: str) -> Change:
    """A change with a stranger's text wherever one can stand."""
    fields = (FieldChange(f"args.{written}", written, [written]), FieldChange("images", [], [written]))
    return Change(
        ModelId(written, written), "changed", None, fields, (FileChange(written, "added", None, {"size": 1}),)
    )


def pages(written: str) -> dict[str, str]:
    """Everything that is rendered as text from a stranger's text."""
    finding = a_finding(written)
    model = ModelId(written, written)
    plan = Plan(
        "c" * 40, None, (Item(model, "refuse", written, findings=(finding,)), Item(model, "register", written)), 0
    )
    results = (
        Result(model, "failed", written, retryable=True, hint=written, findings=(finding,)),
        Result(model, "registered", written, type=written, num_params=9),
    )
    return {
        "findings": text.render_findings([finding], 1),
        "changes": changes.render_text([a_change(written)]),
        "plan": text.render_plan(plan),
        "outcomes": text.render_outcomes(Outcomes("c" * 40, None, results, 0)),
        "github": github.render_findings([finding]),
    }


@pytest.mark.parametrize("written", HOSTILE)
def test_no_page_holds_a_character_that_moves_a_cursor_or_turns_a_line(written: str) -> None:
    for name, page in pages(written).items():
        assert not UNPRINTABLE.search(page), name
        assert "\r" not in page, name
        assert page.count("\n") == pages("plain")[name].count("\n"), name


@pytest.mark.parametrize("written", HOSTILE)
def test_a_finding_is_one_annotation_and_starts_no_other_command(written: str) -> None:
    page = github.render_findings([a_finding(written)] * 2)
    lines = page.splitlines()
    assert len(lines) == 2
    for line in lines:
        match = re.fullmatch(r"::error file=([^:,]*),line=3,col=5,title=unknown-key::(.*)", line)
        assert match, line
        assert not re.search(r"%0[AD]", line)


def test_an_annotation_is_read_back_as_it_was_meant() -> None:
    line = github.render_findings([Place("a,b:c%.yaml", 2, 4).finding("tag", "100 %: `x`, y")])
    assert line == "::error file=a%2Cb%3Ac%25.yaml,line=2,col=4,title=tag::100 %25: `x`, y\n"


@pytest.mark.parametrize("severity", list(Severity))
def test_an_annotation_has_the_weight_of_its_finding(severity: Severity) -> None:
    (finding,) = weigh([a_finding("x")], {"unknown-key": severity.value})
    assert github.render_findings([finding]).startswith(f"::{severity.value} ")


@given(st.text(max_size=200))
@settings(deadline=None)
def test_nothing_closes_the_fence_of_a_page(written: str) -> None:
    page = markdown.render_text(f"verdict {written}\ndetails\n{written}\n")
    lines = page.split("\n")
    fences = [line for line in lines if re.match(r" {0,3}`{3,}", line) and line.strip("` ") in ("", "text")]
    opened = [line for line in fences if line.endswith("text")]
    assert lines[0] == opened[0]
    longest = max((len(run) for run in re.findall("`+", written)), default=0)
    assert all(len(re.match("`+", line).group()) > longest for line in opened if line.startswith("`"))  # type: ignore[union-attr]


def test_a_page_of_backticks_stands_in_a_longer_fence() -> None:
    assert markdown.render_text("ok\n\n````\n") == "```text\nok\n```\n\n`````text\n````\n`````\n"
    assert markdown.render_text("ok\n") == "```text\nok\n```\n"


@pytest.mark.parametrize("written", HOSTILE)
def test_json_carries_a_text_unchanged(written: str) -> None:
    found = json.loads(report.render_findings([a_finding(written)]))
    assert found["format"] == 1
    assert found["counts"] == {"error": 1, "warning": 0, "notice": 0}
    assert found["findings"][0]["found"] == written
    assert set(found["findings"][0]) == {
        "rule", "severity", "path", "line", "column", "field", "found", "expected", "message", "fix"
    }  # fmt: skip


def test_json_has_the_promised_keys() -> None:
    shown = json.loads(changes.render_json([a_change("x")], "b", "h"))
    assert set(shown) == {"format", "base", "head", "changes"}
    assert {"model", "kind", "compared_with", "fields", "files"} <= set(shown["changes"][0])
    assert set(shown["changes"][0]["fields"][0]) == {"field", "before", "after"}
    assert {"target", "kind", "before", "after"} <= set(shown["changes"][0]["files"][0])
    plan = json.loads(report.render_plan(Plan("c", None, (Item(TINY, "register", "new"),), 2)))
    assert set(plan) == {"format", "commit", "converged", "note", "versions", "counts"}
    assert set(plan["versions"][0]) == {"model", "action", "reason", "files", "bytes", "findings"}
    assert (plan["versions"][0]["model"], plan["counts"]["unchanged"]) == ("tiny/1.0", 2)
    outcomes = json.loads(
        report.render_outcomes(Outcomes("c", None, (Result(TINY, "failed", "no", retryable=True),), 0))
    )
    assert {"model", "outcome", "reason", "files", "bytes", "retryable", "findings"} <= set(outcomes["versions"][0])


@pytest.mark.parametrize(
    ("before", "after", "said"), [(9, 18, "9 → 18 (×2)"), (10**6, 2_100_000, "1 M → 2.1 M (×2.1)")]
)
def test_a_parameter_count_that_jumps_says_how_far(before: int, after: int, said: str) -> None:
    field = FieldChange("model_metainfo.num_params", before, after)
    assert f"    num_params: {said}\n" in changes.render_text([Change(TINY, "changed", TINY, (field,))])


def test_of_a_list_the_elements_that_came_and_went_are_said() -> None:
    field = FieldChange("model_metainfo.input_languages", ["de", "en"], ["en", "fr"])
    assert "input_languages: -de +fr\n" in changes.render_text([Change(TINY, "changed", TINY, (field,))])


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (566_856, "567 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (1_234_567, "1.23 MB"),
        (5e15, "5 PB"),
        (5e18, "5000 PB"),
        (None, "unknown size"),
    ],
)
def test_sizes_have_three_figures(number: float | None, said: str) -> None:
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "nothing"), (True, "true"), (1234, "1,234"), ("a\nb", '"a\\nb"'), (["a", 1], "[a, 1]"), (0.5, "0.5")],
)
def test_values_are_shown_as_what_they_are(value: Any, said: str) -> None:
    assert words.value(value) == said


def test_nothing_wrong_is_one_line_and_nothing_to_do_too() -> None:
    assert text.render_findings([], 3) == "ok: 3 versions, nothing wrong\n"
    assert changes.render_text([]) == "nothing changed for a reader of the models\n"
    assert text.render_plan(Plan("c" * 40, "c" * 40, (), 3)).endswith("nothing to do\n")
    assert text.render_outcomes(Outcomes("c" * 40, None, (), 3)).startswith("nothing to do: ")
    assert github.render_findings([]) == ""
