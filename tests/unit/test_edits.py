from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.digests import Digest
from registry.edits.pins import is_pinned, make_pin_splices
from registry.edits.splices import Splice, apply_splices
from registry.nodes import Node, to_value
from registry.yaml12 import parse_yaml

SHA = "0123456789abcdef" * 4
OTHER = "f" * 64
PIN = Digest(SHA, 566856)


def parsed(text: str) -> Node:
    """The nodes of a text that nothing is wrong with."""
    node, findings = parse_yaml("f", text.encode())
    assert (findings, node is None) == ([], False), text
    assert node is not None
    return node


def pinned(text: str, *targets: str) -> str:
    """The text with its targets pinned: what it was and the pins, or the test fails."""
    root = parsed(text)
    pins = dict.fromkeys(targets or to_value(root)["model_files"], PIN)
    new = apply_splices(text, make_pin_splices(text, root, pins))
    assert is_pinned(root, parsed(new), pins)
    return new


# What stands there before and after, within `model_files`; SHA stands for the digest, `·` for the end of a line.
# fmt: off
CASES = {
    "a plain source": (
        "  a: https://x/y",
        "  a: {source: https://x/y, sha256: SHA, size: 566856}"),
    "a source in single quotes": (
        "  a: 'https://x/y'",
        "  a: {source: 'https://x/y', sha256: SHA, size: 566856}"),
    "a source in double quotes": (
        '  a: "https://x/\\u0079"',
        '  a: {source: "https://x/\\u0079", sha256: SHA, size: 566856}'),
    "a folded source": (
        "  a: >-·    https://x/y·  b: ./b",
        '  a: {source: "https://x/y", sha256: SHA, size: 566856}·  b: ./b'),
    "a literal source, a comment, blank lines": (
        "  a: |2-  # why·    https://x/y··  # b·  b: ./b",
        '  a: {source: "https://x/y", sha256: SHA, size: 566856}  # why··  # b·  b: ./b'),
    "a source on its own line": (
        "  a: # why·     https://x/y",
        "  a: # why·     {source: https://x/y, sha256: SHA, size: 566856}"),
    "a comment at the end of the line": (
        "  a: https://x/y   # why",
        "  a: {source: https://x/y, sha256: SHA, size: 566856}   # why"),
    "a source that needs quotes within braces": (
        "  a: https://x/it's,{1}",
        "  a: {source: \"https://x/it's,{1}\", sha256: SHA, size: 566856}"),
    "text beyond ASCII before it": (
        "  ä😀: https://x/ü # 😀",
        "  ä😀: {source: https://x/ü, sha256: SHA, size: 566856} # 😀"),
    "a key with a question mark": (
        "  ? a·  : https://x/y",
        "  ? a·  : {source: https://x/y, sha256: SHA, size: 566856}"),
    "the long form in braces": (
        "  a: { source: https://x/y }",
        "  a: { source: https://x/y, sha256: SHA, size: 566856 }"),
    "the long form in braces with a comma at its end": (
        "  a: {source: https://x/y,}",
        "  a: {source: https://x/y, sha256: SHA, size: 566856,}"),
    "the long form in braces over several lines": (
        "  a: {·    source: https://x/y, # why·    size: 1 # one·  }",
        "  a: {·    source: https://x/y, sha256: SHA, # why·    size: 566856 # one·  }"),
    "the long form in braces with a digest": (
        f"  a: {{sha256: {OTHER}, source: https://x/y}}",
        "  a: {sha256: SHA, size: 566856, source: https://x/y}"),
    "the long form on lines of its own": (
        "  a:·      # why·      source: https://x/y # what·  b: ./b",
        "  a:·      # why·      source: https://x/y # what·      sha256: SHA·      size: 566856·  b: ./b"),
    "the long form with a size": (
        "  a:·    source: https://x/y·    size: 566856 # bytes",
        "  a:·    source: https://x/y·    sha256: SHA·    size: 566856 # bytes"),
    "the long form with a digest": (
        f"  a:·    source: https://x/y·    sha256: '{SHA}' # digest·",
        "  a:·    source: https://x/y·    sha256: 'SHA' # digest·    size: 566856·"),
    "the long form with a folded source": (
        "  a:·    source: >-·      https://x/y··  # b",
        "  a:·    source: >-·      https://x/y·    sha256: SHA·    size: 566856··  # b"),
    "pins without a value": (
        "  a:·    size: # bytes·    source: https://x/y·    sha256:",
        "  a:·    size: 566856 # bytes·    source: https://x/y·    sha256: SHA"),
    "pins that say null": (
        "  a: {source: https://x/y, sha256: ~, size: null}",
        "  a: {source: https://x/y, sha256: SHA, size: 566856}"),
    "pins without a colon": (
        "  a: {source: https://x/y, sha256, size }",
        "  a: {source: https://x/y, sha256: SHA, size: 566856 }"),
    "outdated pins": (
        f"  a: {{source: https://x/y, sha256: \"{OTHER}\", size: 1}}",
        "  a: {source: https://x/y, sha256: \"SHA\", size: 566856}"),
    "an outdated digest on a line of its own": (
        f"  a:·    source: https://x/y·    sha256: |- # digest·      {OTHER}·    size: 1",
        "  a:·    source: https://x/y·    sha256: SHA # digest·    size: 566856"),
    "a size in hexadecimal digits that is right": (
        "  a: {source: https://x/y, size: 0x8a648}",
        "  a: {source: https://x/y, sha256: SHA, size: 0x8a648}"),
    "keys in quotes": (
        "  a: {\"source\": https://x/y}",
        "  a: {\"source\": https://x/y, \"sha256\": \"SHA\", \"size\": 566856}"),
    "a value for each key on a line deep in": (
        "        a:·              source: https://x/y",
        "        a:·              source: https://x/y·              sha256: SHA·              size: 566856"),
}
# fmt: on


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("case", CASES)
def test_pins_are_written_where_they_belong_and_nothing_else_changes(case: str, line_break: str) -> None:
    def whole(lines: str, end: str) -> str:
        return f"# ü·model_files:·{lines}{end}".replace("·", line_break).replace("SHA", SHA)

    before, after = CASES[case]
    for end in ("", "·", "·license: MIT # end"):
        assert pinned(whole(before, end), "ä😀" if "ä😀" in before else "a") == whole(after, end)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("model_files: {a: https://x/y}", "model_files: {a: {source: https://x/y, sha256: SHA, size: 566856}}"),
        (
            "{model_files: {\n  a: https://x/y, # c\n  b: ./b\n}}",
            "{model_files: {\n  a: {source: https://x/y, sha256: SHA, size: 566856}, # c\n  b: ./b\n}}",
        ),
        (
            "model_files: {'a': https://x/y}",
            "model_files: {'a': {'source': https://x/y, 'sha256': 'SHA', 'size': 566856}}",
        ),
    ],
)
def test_files_in_braces_stay_in_braces(before: str, after: str) -> None:
    assert pinned(before, "a") == after.replace("SHA", SHA)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_stays_json(indent: int | None) -> None:
    document = {"model_files": {"a": "https://x/y", "b": {"source": "https://x/z"}}, "license": "MIT"}
    pin = {"sha256": SHA, "size": 566856}
    assert json.loads(pinned(json.dumps(document, indent=indent))) == document | {
        "model_files": {"a": {"source": "https://x/y", **pin}, "b": {"source": "https://x/z", **pin}}
    }


def test_targets_without_a_pin_are_left_alone() -> None:
    text = "model_files:\n  a: https://x/a\n  b: https://x/b\n  c: ./c\n"
    assert pinned(text, "b").splitlines()[1::2] == text.splitlines()[1::2]


def test_a_digest_that_looks_like_a_number_is_quoted() -> None:
    text = "model_files: {a: https://x/a}"
    pins = {"a": Digest("1" * 62 + "e5", 1)}
    assert f"sha256: '{'1' * 62}e5'" in apply_splices(text, make_pin_splices(text, parsed(text), pins))


def test_a_second_time_there_is_nothing_to_write() -> None:
    text = pinned("model_files:\n  a: https://x/a\n  b:\n    source: https://x/b\n")
    assert make_pin_splices(text, parsed(text), {"a": PIN, "b": PIN}) == []


@pytest.mark.parametrize(
    "after",
    [
        "model_files: {a: {source: https://x/a, sha256: SHA, size: 566857}}",
        "model_files: {a: {source: https://x/a, sha256: SHA, size: '566856'}}",
        "model_files: {a: {source: https://x/b, sha256: SHA, size: 566856}}",
        "model_files: {a: {source: https://x/a, sha256: SHA, size: 566856}, b: ./b}",
        "model_files: {a: {source: https://x/a, sha256: SHA}}",
        "model_files: {a: {source: https://x/a, sha256: SHA, size: 566856}}\nlicense: MIT",
        "model_files: {a: [https://x/a, SHA, 566856]}",
        "# nothing",
    ],
)
def test_whatever_else_is_written_is_not_what_was_there_and_the_pins(after: str) -> None:
    before = parsed("model_files: {a: https://x/a}")
    node, _ = parse_yaml("f", after.replace("SHA", SHA).encode())
    assert not is_pinned(before, node, {"a": PIN})


def test_splices_may_come_in_any_order() -> None:
    assert apply_splices("abcdef", [Splice(4, 6, "y"), Splice(1, 1, "x"), Splice(1, 2, "")]) == "axcdy"


_WORD = st.text(st.characters(categories=("Ll", "Lo", "Nd", "So"), max_codepoint=0x1F600), min_size=1, max_size=5)
_URL = st.builds("https://x/{}z".format, st.text("az09ü,[]{}'!&*:%@-~=+()", max_size=8))
_NOTE = st.sampled_from(["", "", " # note ü", "   # {a: b}", " # it's: ~"])
_STATED = st.sampled_from([None, None, "", "~", "old", "right"])


@st.composite
def a_scalar(draw: st.DrawFn, value: str, *, flow: bool) -> str:
    """One way to write a text on one line."""
    ways = ["'" + value.replace("'", "''") + "'", json.dumps(value, ensure_ascii=False)]
    if not (flow and re.search(r"[,\[\]{}]|:$", value)) and not re.match(r"[^\w]|\d+(e\d+)?$|[nt~]", value):
        ways.append(value)
    return draw(st.sampled_from(ways))


@st.composite
def a_pin(draw: st.DrawFn, key: str, *, flow: bool) -> str | None:
    """What a descriptor says of `sha256` or `size`; None where it says nothing."""
    stated = draw(_STATED)
    if stated in (None, "", "~"):
        return stated
    if key == "size":
        return "7" if stated == "old" else str(PIN.size)
    return draw(a_scalar(OTHER if stated == "old" else SHA, flow=flow))


@st.composite
def a_flow_file(draw: st.DrawFn, url: str, around: str) -> str:
    """The long form in braces."""
    pairs = [("source", draw(a_scalar(url, flow=True)))]
    pairs += [(key, pin) for key in ("sha256", "size") if (pin := draw(a_pin(key, flow=True))) is not None]
    quote = draw(st.sampled_from(["", "", "'", '"']))
    between = draw(st.sampled_from([", ", " , ", f", # c\n{around}    ", f"\n{around}    , "]))
    joined = between.join(f"{quote}{key}{quote}: {value}" for key, value in draw(st.permutations(pairs)))
    return draw(st.sampled_from(["{%s}", "{ %s }", "{%s,}", "{\n" + around + "    %s # c\n" + around + "  }"])) % joined


@st.composite
def a_block_file(draw: st.DrawFn, url: str, around: str) -> str:
    """What follows the colon of a target on lines of its own."""
    note, deeper = draw(_NOTE), around + " " * draw(st.integers(1, 6))
    source = draw(a_scalar(url, flow=False))
    folded = (
        draw(st.sampled_from([">-", "|-"])) + f"{note}\n{deeper}  {url}" + draw(st.sampled_from(["", "\n", "\n\n"]))
    )
    way = draw(st.sampled_from(["line", "next", "folded", "flow", "block", "block"]))
    if way == "flow":
        return f" {draw(a_flow_file(url, around))}{note}"
    if way != "block":
        return {"line": f" {source}{note}", "next": f"{note}\n{deeper}{source}", "folded": f" {folded}"}[way]
    pairs = [("source", draw(st.sampled_from([f" {source}{draw(_NOTE)}", f" {folded}"])))]
    pins = [(key, draw(a_pin(key, flow=False))) for key in ("sha256", "size")]
    pairs += [(key, f" {pin}{draw(_NOTE)}".rstrip()) for key, pin in pins if pin is not None]
    return note + "".join(f"\n{deeper}{key}:{value}" for key, value in draw(st.permutations(pairs)))


@st.composite
def a_text(draw: st.DrawFn) -> str:
    """A descriptor's text: files in one style or another between other sections."""
    targets = draw(st.lists(_WORD, min_size=1, max_size=4, unique=True))
    around = " " * draw(st.integers(1, 6))
    keys = [draw(a_scalar(target, flow=True)) for target in targets]
    urls = [draw(_URL) for _ in targets]
    if draw(st.booleans()):
        pairs = zip(keys, urls, strict=True)
        files = "".join(f"\n{around}{key}:{draw(a_block_file(url, around))}" for key, url in pairs)
    else:
        values = [draw(a_scalar(url, flow=True) | a_flow_file(url, around)) for url in urls]
        between = draw(st.sampled_from([", ", f", # ü\n{around}"]))
        files = " {" + between.join(f"{key}: {value}" for key, value in zip(keys, values, strict=True)) + "}"
    before, after = (
        draw(st.sampled_from(["", "# ü\n\n", "a: [ü, 1.10]\n"])),
        draw(st.sampled_from(["", "\n", "\nz: |\n  b\n"])),
    )
    return f"{before}model_files:{files}{after}".replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def plain(value: Any) -> Any:
    """The value as JSON would have it."""
    return json.loads(json.dumps(value))


@given(a_text(), st.data())
@settings(max_examples=200, deadline=None)
def test_any_descriptor_says_afterwards_what_it_said_and_the_pins(text: str, data: st.DataObject) -> None:
    root = parsed(text)
    expected = plain(to_value(root))
    targets = data.draw(st.sets(st.sampled_from(sorted(expected["model_files"])), min_size=1))
    for target in targets:
        file = expected["model_files"][target]
        file = file if isinstance(file, dict) else {"source": file}
        expected["model_files"][target] = file | {"sha256": SHA, "size": str(PIN.size)}

    splices = make_pin_splices(text, root, dict.fromkeys(targets, PIN))
    new = apply_splices(text, splices)

    assert plain(to_value(parsed(new))) == expected
    assert is_pinned(root, parsed(new), dict.fromkeys(targets, PIN))
    assert unspliced(text, splices) == unspliced(new, moved(splices))
    for splice in splices:
        assert is_no_loss(text[splice.start : splice.end])
    assert [note.rstrip() for note in re.findall("# .*", text)] == [note.rstrip() for note in re.findall("# .*", new)]
    assert ("\r" in text, "\n" in text.replace("\r\n", "")) == ("\r" in new, "\n" in new.replace("\r\n", ""))


def unspliced(text: str, splices: list[Splice]) -> list[str]:
    """What stands between the spans of the splices."""
    ends = [0, *(splice.end for splice in sorted(splices))]
    starts = [*(splice.start for splice in sorted(splices)), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def moved(splices: list[Splice]) -> list[Splice]:
    """Where what the splices have written stands in the new text."""
    found, shift = [], 0
    for splice in sorted(splices):
        start = splice.start + shift
        found.append(Splice(start, start + len(splice.text), ""))
        shift += len(splice.text) - (splice.end - splice.start)
    return found


def is_no_loss(taken: str) -> bool:
    """Whether a span that gave way held an old pin, a word for nothing, or a source that had to be quoted."""
    return taken in ("", "~", "7", ">-", "|-") or taken.strip().strip("'\"") in (OTHER, SHA) or "https://x/" in taken
