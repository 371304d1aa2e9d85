"""Splices into the text of a descriptor: what is not spliced stays to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from registry.digests import Digest
from registry.nodes import Entry, Node, Plain, to_value

_BREAK = re.compile(r"\r\n|\r|\n")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")
# What may stand unquoted within `{…}`: a colon only before something, no other indicator at all
_PLAIN_IN_FLOW = re.compile(r"[^\W_](?:[^\s:,\[\]{}#?'\"]|:(?=[^\s,\[\]{}?]))*")
_A_WORD = re.compile(r"[0-9a-f]*[a-df][0-9a-f]*")  # without such a letter, digits may be taken for a number


class Splice(NamedTuple):
    """The characters from `start` up to `end` give way to `text`."""

    start: int
    end: int
    text: str


def apply_splices(text: str, splices: Iterable[Splice]) -> str:
    """The text with its splices, which do not overlap."""
    parts, done = [], 0
    for splice in sorted(splices, key=lambda s: s[:2]):
        parts += [text[done : splice.start], splice.text]
        done = splice.end
    return "".join([*parts, text[done:]])


def make_pin_splices(text: str, root: Node, pins: Mapping[str, Digest]) -> list[Splice]:
    """What writes the pins of these targets, which have a source, into the text that `root` was read from."""
    files = root.value["model_files"].node
    quote = _quote_of(text, files) if _is_flow(text, files) else ""
    splices: list[Splice] = []
    for target, pin in pins.items():
        node = files.value[target].node
        is_long = isinstance(node.value, dict)
        splices += _pin_long_form(text, node, pin) if is_long else _pin_short_form(text, node, pin, quote)
    return splices


def is_pinned(before: Node, after: Node | None, pins: Mapping[str, Digest]) -> bool:
    """Whether `after` says what `before` says, and the pins of these targets."""
    if after is None:
        return False
    expected = to_value(before)
    files = expected["model_files"]
    for target, pin in pins.items():
        file = files[target] if isinstance(files[target], dict) else {"source": files[target]}
        new = {"sha256": pin.sha256, "size": Plain(str(pin.size), pin.size)}
        files[target] = file | {key: new[key] for key in Digest._fields if not _says(file.get(key), getattr(pin, key))}
    return bool(_exact(expected) == _exact(to_value(after)))


def _exact(value: Any) -> Any:
    """The value with unquoted numbers and words apart from the same in quotes."""
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return ("unquoted", str(value)) if isinstance(value, Plain) else value


def _says(value: Any, wanted: str | int) -> bool:
    """Whether a scalar is this text or number, however it is written."""
    return bool((value.value if isinstance(value, Plain) and isinstance(wanted, int) else value) == wanted)


def _pin_short_form(text: str, node: Node, pin: Digest, quote: str) -> Iterator[Splice]:
    """The source alone becomes `{source: …, sha256: …, size: …}`, and stays as it is written where it can."""
    before = f"{{{quote}source{quote}: "
    after = "".join(f", {_pair(pin, key, quote)}" for key in Digest._fields) + "}"
    if text[node.start] in "|>":
        yield from _replace_block(text, node, before + _quoted(node.value) + after)
    elif text[node.start] in "'\"" or _PLAIN_IN_FLOW.fullmatch(text, node.start, node.end):
        yield Splice(node.start, node.start, before)
        yield Splice(node.end, node.end, after)
    else:
        yield Splice(node.start, node.end, before + _quoted(node.value) + after)


def _pin_long_form(text: str, node: Node, pin: Digest) -> Iterator[Splice]:
    """Each pin is written over the one that is there, or behind the source; the size behind a digest."""
    entries, quote = node.value, _quote_of(text, node)
    anchor, missing = entries["source"].node, []
    for key in Digest._fields:
        if key not in entries:
            missing.append(_pair(pin, key, quote))
            continue
        there = entries[key].node
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
    place = _end_of(text, anchor)
    if _is_flow(text, mapping):
        return Splice(place, place, "".join(f", {pair}" for pair in pairs))
    found = _BREAK.search(text, place) or _BREAK.search(text)
    place = found.start() if found and found.start() >= place else len(text)
    start = (found.group() if found else "\n") + " " * (mapping.column - 1)
    return Splice(place, place, "".join(start + pair for pair in pairs))


def _fill(text: str, entry: Entry, value: str) -> Splice:
    """A value for a key that has none, or whose value is a word for nothing."""
    key, node = entry.key, entry.node
    if node.end > node.start:
        return Splice(node.start, node.end, value)
    colon = text.find(":", key.end, node.end)
    return Splice(key.end, key.end, f": {value}") if colon < 0 else Splice(colon + 1, colon + 1, f" {value}")


def _replace(text: str, node: Node, pin: Digest, key: str) -> Iterator[Splice]:
    """Another pin for the one that is there, in the quotes that it has."""
    if text[node.start] in "|>":
        yield from _replace_block(text, node, _value(pin, key, ""))
    else:
        yield Splice(node.start, node.end, _value(pin, key, _quote_at(text, node)))


def _replace_block(text: str, node: Node, value: str) -> Iterator[Splice]:
    """A value for the mark of a literal or folded scalar; its lines go, a comment behind the mark stays."""
    header, body = _BLOCK_HEADER.match(text, node.start), _BREAK.search(text, node.start, node.end)
    if header is None or body is None:
        raise ValueError(f"no literal or folded scalar at {node.line}:{node.column}")
    yield Splice(header.start(), header.end(), value)
    yield Splice(body.start(), _end_of(text, node), "")


def _pair(pin: Digest, key: str, quote: str) -> str:
    return f"{quote}{key}{quote}: {_value(pin, key, quote)}"


def _value(pin: Digest, key: str, quote: str) -> str:
    if key == "size":
        return str(pin.size)
    around = quote or ("" if _A_WORD.fullmatch(pin.sha256) else "'")
    return f"{around}{pin.sha256}{around}"


def _quote_of(text: str, mapping: Node) -> str:
    """The quotes around the keys of a mapping, those of its first key."""
    return _quote_at(text, next(iter(mapping.value.values())).key)


def _quote_at(text: str, node: Node) -> str:
    return text[node.start] if text[node.start] in "'\"" else ""


def _is_flow(text: str, mapping: Node) -> bool:
    return text[mapping.start] == "{"


def _end_of(text: str, node: Node) -> int:
    """The place behind a scalar's last character that is not white space."""
    return node.start + len(text[node.start : node.end].rstrip())


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # also YAML, and on one line
