"""Pins: `sha256` and `size` written into the text of a descriptor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from registry.digests import Digest
from registry.edits.splices import (
    BREAK,
    Splice,
    end_of,
    is_flow,
    is_same,
    quote_at,
    quote_of,
    quoted,
    replace_block,
)
from registry.nodes import Entry, Node, Plain, to_value

# What may stand unquoted within `{…}`: a colon only before something, no other indicator at all
_PLAIN_IN_FLOW = re.compile(r"[^\W_](?:[^\s:,\[\]{}#?'\"]|:(?=[^\s,\[\]{}?]))*")
_A_WORD = re.compile(r"[0-9a-f]*[a-df][0-9a-f]*")  # without such a letter, digits may be taken for a number


def make_pin_splices(text: str, root: Node, pins: Mapping[str, Digest]) -> list[Splice]:
    """What writes the pins of these targets, which have a source, into the text that `root` was read from."""
    files = root.value["model_files"]
    quote = quote_of(text, files) if is_flow(text, files) else ""
    splices: list[Splice] = []
    for target, pin in pins.items():
        node = files.value[target]
        is_long = isinstance(node.value, dict)
        splices += _pin_long_form(text, node, pin) if is_long else _pin_short_form(text, node, pin, quote)
    return splices


def pinned(file: Any, pin: Digest) -> dict[str, Any]:
    """What a descriptor says of a file once it is pinned, in the long form."""
    before = file if isinstance(file, dict) else {"source": file}
    new = {"sha256": pin.sha256, "size": Plain(str(pin.size), pin.size)}
    return before | {key: new[key] for key in Digest._fields if not _says(before.get(key), getattr(pin, key))}


def is_pinned(before: Node, after: Node | None, pins: Mapping[str, Digest]) -> bool:
    """Whether `after` says what `before` says, and the pins of these targets."""
    if after is None:
        return False
    expected = to_value(before)
    files = expected["model_files"]
    files |= {target: pinned(files[target], pin) for target, pin in pins.items()}
    return is_same(expected, to_value(after))


def _says(value: Any, wanted: str | int) -> bool:
    """Whether a scalar is this text or number, however it is written."""
    return bool((value.value if isinstance(value, Plain) and isinstance(wanted, int) else value) == wanted)


def _pin_short_form(text: str, node: Node, pin: Digest, quote: str) -> Iterator[Splice]:
    """The source alone becomes `{source: …, sha256: …, size: …}`, and stays as it is written where it can."""
    before = f"{{{quote}source{quote}: "
    after = "".join(f", {_pair(pin, key, quote)}" for key in Digest._fields) + "}"
    if text[node.start] in "|>":
        yield from replace_block(text, node, before + quoted(node.value) + after)
    elif text[node.start] in "'\"" or _PLAIN_IN_FLOW.fullmatch(text, node.start, node.end):
        yield Splice(node.start, node.start, before)
        yield Splice(node.end, node.end, after)
    else:
        yield Splice(node.start, node.end, before + quoted(node.value) + after)


def _pin_long_form(text: str, node: Node, pin: Digest) -> Iterator[Splice]:
    """Each pin is written over the one that is there, or behind the source; the size behind a digest."""
    entries, quote = node.value, quote_of(text, node)
    anchor, missing = entries["source"], []
    for key in Digest._fields:
        if key not in entries:
            missing.append(_pair(pin, key, quote))
            continue
        there = entries[key]
        if there.value is None:
            yield _fill(text, entries[key], _value(pin, key, quote))
        elif not _says(there.value, getattr(pin, key)):
            yield from _replace(text, there, pin, key)
        if there.value is not None and not missing:
            anchor = there
    if missing:
        yield _insert(text, node, anchor, missing)


def _insert(text: str, mapping: Node, anchor: Node, pairs: list[str]) -> Splice:
    """New pairs behind a value of a mapping: in its braces, or each on a line of its own."""
    place = end_of(text, anchor)
    if is_flow(text, mapping):
        return Splice(place, place, "".join(f", {pair}" for pair in pairs))
    found = BREAK.search(text, place) or BREAK.search(text)
    place = found.start() if found and found.start() >= place else len(text)
    start = (found.group() if found else "\n") + " " * (mapping.column - 1)
    return Splice(place, place, "".join(start + pair for pair in pairs))


def _fill(text: str, entry: Entry, value: str) -> Splice:
    """A value for a key that has none, or whose value is a word for nothing."""
    if entry.end > entry.start:
        return Splice(entry.start, entry.end, value)
    end = entry.key.end
    colon = text.find(":", end, entry.end)
    return Splice(end, end, f": {value}") if colon < 0 else Splice(colon + 1, colon + 1, f" {value}")


def _replace(text: str, node: Node, pin: Digest, key: str) -> Iterator[Splice]:
    """Another pin for the one that is there, in the quotes that it has."""
    if text[node.start] in "|>":
        yield from replace_block(text, node, _value(pin, key, ""))
    else:
        yield Splice(node.start, node.end, _value(pin, key, quote_at(text, node)))


def _pair(pin: Digest, key: str, quote: str) -> str:
    return f"{quote}{key}{quote}: {_value(pin, key, quote)}"


def _value(pin: Digest, key: str, quote: str) -> str:
    if key == "size":
        return str(pin.size)
    around = quote or ("" if _A_WORD.fullmatch(pin.sha256) else "'")
    return f"{around}{pin.sha256}{around}"
