from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.nodes import Plain, place_of, to_value
from registry.tree import MAX_BYTES
from registry.yaml12 import MAX_DEPTH, parse_yaml


def read(text: str | bytes) -> Any:
    """The value of a text that nothing is wrong with."""
    node, findings = parse_yaml("f", text if isinstance(text, bytes) else text.encode())
    assert (findings, node is None) == ([], False)
    assert node is not None
    return to_value(node)


def resolved(value: Any) -> Any:
    """The value with each unquoted scalar as what YAML 1.2 core makes of it."""
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    return value.value if isinstance(value, Plain) else value


def wrong(text: str | bytes) -> list[tuple[str, int, int]]:
    """Rule, line and column of what is wrong with a text."""
    _, findings = parse_yaml("f", text if isinstance(text, bytes) else text.encode())
    return [(finding.rule, finding.line, finding.column) for finding in findings]


@pytest.mark.parametrize("text", ["no", "yes", "on", "off", "y", "n", "NO", "12:30", "1:30:00", "2024-01-01", "0b11"])
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert read(f"key: {text}") == {"key": text}
    assert not isinstance(read(f"key: {text}")["key"], Plain)


@pytest.mark.parametrize("text", ["1.10", "007", "1e3", "0x10", "1_000", ".5", "true", "-0", "+1"])
def test_a_scalar_keeps_its_text_where_text_is_wanted(text: str) -> None:
    assert read(f"key: {text}") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17", 17),
        ("-17", -17),
        ("017", 17),  # octal in YAML 1.1
        ("0o17", 15),
        ("0xFf", 255),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'17'", "17"),
        ('"true"', "true"),
        ("|\n  17", "17"),
    ],
)
def test_an_unquoted_scalar_is_also_what_yaml_1_2_core_makes_of_it(text: str, value: object) -> None:
    found = resolved(read(f"key: {text}"))["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("digits", [101, 400, 5000])
def test_an_integer_of_thousands_of_digits_is_no_integer(digits: int) -> None:
    assert not isinstance(read(f"key: {'9' * digits}")["key"], Plain)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("a: 1\nb: 2\na: 3", [("duplicate-key", 3, 1)]),
        ("a:\n  b: 1\n  b: 1", [("duplicate-key", 3, 3)]),
        ("{a: 1, 'a': 2}", [("duplicate-key", 1, 8)]),
        ("a: !!str 1", [("tag", 1, 4)]),
        ("a: !!python/object/apply:os.system [id]", [("tag", 1, 4)]),
        ("a: !local 1", [("tag", 1, 4)]),
        ("a: &b 1", [("anchor", 1, 4)]),
        ("a: *b", [("anchor", 1, 4)]),
        ("<<: {a: 1}", [("anchor", 1, 1)]),
        ("a: 1\n---\nb: 1", [("several-documents", 2, 1)]),
        ("a: 1\n...\n---\nb: 1", [("several-documents", 3, 1)]),
        ("a:\n\tb: 1", [("tab-indentation", 2, 1)]),
        ("a:\n  \tb: 1", [("tab-indentation", 2, 3)]),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> b", [("conflict-marker", n, 1) for n in (1, 3, 5)]),
        ("||||||| base\na: 1", [("conflict-marker", 1, 1)]),
        ("\ufeffa: 1", [("byte-order-mark", 1, 1)]),
        ("\ufeffa: \u202e", [("byte-order-mark", 1, 1), ("control-character", 1, 4)]),
        (b"\xef\xbb\xbfa: \xff", [("invalid-utf8", 1, 4)]),
        ("a: 1\rb: \u202e\r\nc: \u202e", [("control-character", 2, 4), ("control-character", 3, 4)]),
        (b"a: 1\nb: \xe9", [("invalid-utf8", 2, 4)]),
        ("\u00e9: 1\nb: ".encode() + b"\xff", [("invalid-utf8", 2, 4)]),
        ("a: 1\x00", [("control-character", 1, 5)]),
        ("a: \x1b[31m", [("control-character", 1, 4)]),
        ("a: x\u202ey", [("control-character", 1, 5)]),
        ("a: x\u2066y", [("control-character", 1, 5)]),
        ("a: x\u2028y", [("control-character", 1, 5)]),
        ("a: x\u0085y", [("control-character", 1, 5)]),
        ('a: "x\\u202ey"', [("control-character", 1, 4)]),
        ('a: "x\\0y"', [("control-character", 1, 4)]),
        ("a: [1\nb: 1\n", [("yaml-syntax", 1, 4)]),
        ("a: [1, b: c d: e]\n", [("yaml-syntax", 1, 14)]),
        ("a: {\n  b: 1,\n  c: 2\nd: 1\n", [("yaml-syntax", 1, 4)]),
        ("a: 1\nlicense MIT\nb: 1\n", [("yaml-syntax", 2, 1)]),
        ("a: 1\nb: [1\n", [("yaml-syntax", 2, 4)]),
        ("a: b: c", [("yaml-syntax", 1, 5)]),
        ("'a", [("yaml-syntax", 1, 1)]),
        ("a: 1\nb: 'c", [("yaml-syntax", 2, 4)]),
        ("[a]: 1", [("wrong-type", 1, 1)]),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", [("lfs-pointer", 1, 1)]),
        ("a" * (MAX_BYTES + 1), [("descriptor-too-large", 1, 1)]),
    ],
)
def test_what_is_not_allowed_is_named_with_its_place(text: str | bytes, findings: list[tuple[str, int, int]]) -> None:
    assert wrong(text) == findings


def test_all_that_can_be_seen_at_once_is_said_at_once() -> None:
    assert {rule for rule, _, _ in wrong("a: 1\na: 2\nb: x\u202e\n<<: {}\n")} == {
        "duplicate-key",
        "control-character",
        "anchor",
    }


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1]", 1, 4),
        ("a: {b: 1}", 1, 4),
        ("a:\n- 1", 1, 1),
        ("b: 1\na:\n  b: 1", 2, 1),
        ("{b: 1, a: [1]}", 1, 11),
        ("{b: 1, a: }", 1, 8),
        ("a:", 1, 1),
        ("a: ~", 1, 4),
        ("a: |\n  b", 1, 4),
        ("a:\n  b", 2, 3),
    ],
)
def test_a_value_without_a_line_of_its_own_is_at_its_key(text: str, line: int, column: int) -> None:
    node, _ = parse_yaml("f", text.encode())
    assert node is not None
    assert place_of(node, "f", ("a",))[1:3] == (line, column)


def test_a_tag_is_shown_as_it_is_written() -> None:
    _, findings = parse_yaml("f", b"a: !!python/none")
    assert findings[0].message.startswith("`!!python/none` is a YAML tag.")


def test_a_mark_of_a_merge_is_not_also_called_a_mistake_of_yaml() -> None:
    assert {rule for rule, _, _ in wrong("a:\n<<<<<<< HEAD\n  b: 1\n=======\n")} == {"conflict-marker"}


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\r\nb:\r\n  - c\r\n",
        "a: 1\t# after a tab\n",
        "a: |\n  one\n  \ttwo\n",
        "a: |\n  <<<<<<< HEAD\n",
        "a: >-\n  Title\n  =======\n",
        "%YAML 1.2\n---\na: 1\n",
        "--- {a: 1}\n...\n",
        '"a": "\\u00e9\\t"',
        "a: \U0001f600",
        "# only a word\na: 1",
    ],
)
def test_ordinary_writing_is_fine(text: str) -> None:
    assert list(read(text)) == ["a"] or list(read(text)) == ["a", "b"]


def test_an_empty_text_has_no_node_and_nothing_to_be_said_about() -> None:
    assert parse_yaml("f", b"# nothing\n") == (None, [])


def test_as_deep_as_allowed_is_fine_and_one_level_more_is_not() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert wrong("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [("too-deep", 1, MAX_DEPTH + 1)]


@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_a_text_of_brackets_ends_in_a_finding_at_once(unit: str) -> None:
    start = time.monotonic()
    assert [rule for rule, _, _ in wrong(unit * (100_000 // len(unit)))] == ["too-deep"]
    assert time.monotonic() - start < 2


def test_an_alias_bomb_stops_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(9)
    )
    assert wrong(bomb) == [("anchor", 1, 4)]


@pytest.mark.parametrize(
    ("keys", "at_key", "place"),
    [
        (("a", "b"), False, (2, 6, "a.b")),
        (("a", "b"), True, (2, 3, "a.b")),
        (("c", 1), False, (3, 8, "c.1")),
        (("a", "none"), False, (1, 1, "a.none")),  # the key of the mapping that lacks it
        (("a", "none"), True, (1, 1, "a.none")),
        (("c", 9), False, (3, 4, "c.9")),
        ((), False, (1, 1, "")),
    ],
)
def test_each_value_and_each_key_has_a_place(
    keys: tuple[str | int, ...],
    at_key: bool,  # noqa: FBT001 - one of the table
    place: tuple[int, int, str],
) -> None:
    node, _ = parse_yaml("f", b"a:\n  b: x\nc: [1, 2]\n")
    assert node is not None
    found = place_of(node, "f", keys, at_key=at_key)
    assert (found.line, found.column, found.field) == place


_WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=30).filter(lambda text: text != "<<")
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=8,
)


@given(_JSON)
@settings(max_examples=150, deadline=None)
def test_json_is_read_as_what_it_is(value: Any) -> None:
    assert resolved(read(json.dumps({"key": value}, ensure_ascii=False))) == {"key": value}


# fmt: off
_PIECES = st.sampled_from([
    "a", "b: ", "- ", "? ", ": ", "[", "]", "{", "}", ", ", "\n", "  ", "\t", "#", "|\n", ">", "&a ", "*a", "!!t ",
    "<<: ", "'", '"', "---\n", "...\n", "%YAML 1.1\n", "\r", "\x00", "\u2028", "\ufeff", "\u202e", "<<<<<<< x\n",
    "9" * 500,
])
# fmt: on


@given(st.lists(_PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_file_makes_the_reader_fail_or_point_outside_of_it(data: bytes) -> None:
    _, findings = parse_yaml("f", data)
    assert all(finding.column >= 1 and finding.message for finding in findings)
    if b"\r" not in data:
        assert all(1 <= finding.line <= data.count(b"\n") + 1 for finding in findings)
