"""What a reader is told of a change: nothing is lost, nothing is invented, and nothing takes long."""

from __future__ import annotations

from typing import Any

import pytest

from registry.diff import Change, FieldChange, FileChange, TextChange, trace_files
from registry.identity import ModelId
from registry.owners import parse_owners
from registry.report.changes import render_markdown, render_text
from registry.report.view import lines_of

TINY = ModelId("tiny", "1.0")


def told(*fields: tuple[str, Any, Any], files: tuple[FileChange, ...] = ()) -> str:
    """The text of a changed version, without its head."""
    change = Change(TINY, "changed", TINY, tuple(FieldChange(*field) for field in fields), files)
    return render_text([change]).split("\n\n", 1)[1]


@pytest.mark.parametrize(
    ("field", "before", "after", "said"),
    [
        ("lifecycle.replaced_by", "big/2.0", None, "! lifecycle: replaced by: big/2.0 → nothing"),
        ("lifecycle.reason", "Old.", None, "! lifecycle: reason: Old. → nothing"),
        ("lifecycle.state", "deprecated", "active", "! lifecycle: deprecated → active"),
        ("model_config.private", True, False, "! becomes public: everyone may see it"),
        ("model_config.training_properties.args.num_params", "small", "medium", 'num_params: "small" → "medium"'),
        ("model_metainfo.num_params", 10**15, 10**15 - 1, "num_params: 1,000,000,000,000,000 → 999,999,999,999,999\n"),
        ("parent", "tiny/1.0", "tiny/1.1", 'parent: "tiny/1.0" → "tiny/1.1"'),
        ("model_config.description", "A tiny encoder.", "New words here.", '"A tiny encoder." → "New words here."'),
        ("model_metainfo.images", ["a.png", "b.png"], ["b.png", "a.png"], "images: [a.png, b.png] → [b.png, a.png]"),
    ],
)
def test_every_change_of_a_field_is_said(field: str, before: Any, after: Any, said: str) -> None:
    assert said in told((field, before, after))


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        ("changed", {"url": "https://a", "size": None}, {"url": "https://b", "size": None}, "https://a → https://b"),
        ("changed", {"url": "https://a", "size": 5}, {"url": "https://b", "size": 5}, "5 B, other bytes, https://a →"),
        ("added", None, {"url": "https://a/x", "size": 5, "sha256": "0"}, "5 B from https://a/x"),
        ("changed", {"oid": "a", "size": 5}, {"url": "https://b/x", "size": 6}, "5 B → 6 B, in git → https"),
    ],
)  # fmt: skip
def test_of_a_remote_file_it_is_said_where_it_comes_from(kind: Any, before: Any, after: Any, said: str) -> None:
    assert said in told(files=(FileChange("model.bin", kind, before, after),))


def test_bytes_of_which_nothing_is_known_are_not_called_others() -> None:
    sides = ({"url": "https://a/x", "size": None}, {"url": "https://b/x", "size": None})
    assert "unknown size, bytes not known" in told(files=(FileChange("model.bin", "changed", *sides),))


def test_long_values_that_begin_alike_are_shown_where_they_differ() -> None:
    long = "https://account.example.com/" + "a" * 400
    sides = ({"url": f"{long}/good.bin", "size": 1}, {"url": f"{long}/evil.bin", "size": 1})
    page = render_markdown([Change(TINY, "changed", TINY, (), (FileChange("model.bin", "moved", *sides),))])
    assert "good.bin" in page
    assert "evil.bin" in page


@pytest.mark.parametrize("after", ["# Tiny\r\n", "# Tiny"])
def test_ends_of_lines_are_named_where_nothing_else_differs(after: str) -> None:
    assert [line.text for line in lines_of(TextChange("index.md", "# Tiny\n", after))] == [
        "only the ends of lines differ"
    ]


def test_no_text_is_compared_for_long() -> None:
    old, new = ("".join(f"{sign if n % 2 else ''}{n}\n" for n in range(20_000)) for sign in ("", "n"))
    assert [line.text for line in lines_of(TextChange("index.md", old, new))] == [
        "20,000 lines became 20,000, too many to compare here"
    ]
    words = [" ".join("abcdefgh"[n * step % 8] for n in range(8000)) for step in (3, 5)]
    assert "args.x" in told(("model_config.training_properties.args.x", words[0], words[1]))


def test_files_with_the_same_bytes_are_renamed_one_by_one() -> None:
    empty = {"oid": "e69de29", "size": 0}
    found = trace_files({"a": empty, "b": empty}, {"c": empty, "d": empty})
    assert [(file.target, file.kind, file.former) for file in found] == [("c", "renamed", "a"), ("d", "renamed", "b")]


def test_arguments_come_after_what_describes_the_model() -> None:
    fields = [(f"model_config.training_properties.args.{n:02}", n, n + 1) for n in range(30)]
    lines = told(*fields, ("model_metainfo.output_types", ["OTHER"], ["CLASS_LABEL"])).splitlines()
    assert lines[1].strip().startswith("output_types")


@pytest.mark.parametrize("line", ["[ @x", "[[] @q", "!/models/ @x"])
def test_a_line_of_codeowners_that_is_no_pattern_is_left_out(line: str) -> None:
    assert parse_owners(f"/models/ @one\n{line}\n")("models/tiny/1.0/model.yaml") == ("@one",)


def test_comments_and_a_byte_order_mark_own_nothing() -> None:
    assert parse_owners("\ufeff/models/ @one # comment @two\n")("models/a") == ("@one",)
    assert parse_owners(None)("models/a") == ()
