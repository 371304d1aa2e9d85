"""Where things stand in the text that nodes were read from, and how a new text is written in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from registry.nodes import Entry, Node, Plain, to_value
from registry.yaml12 import parse_yaml

Keys = tuple[str | int, ...]  # from the top of a descriptor to one of its nodes

BREAK = re.compile(r"\r\n|\r|\n")
_CLOSING = re.compile(r"(?:[\s,]|#[^\r\n]*)*[\]}]")  # what may follow the last part of a list or mapping in flow style
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")


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


def node_at(root: Node, keys: Keys) -> Node:
    """The node at `keys`, which is there."""
    for key in keys:
        root = root.value[key]
    return root


def is_same(one: Any, other: Any) -> bool:
    """Whether two values of YAML are one: an unquoted number or word is another value than the same in quotes."""
    return bool(_exact(one) == _exact(other))


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return ("unquoted", str(value)) if isinstance(value, Plain) else value


def is_flow(text: str, collection: Node) -> bool:
    """Whether a list or mapping stands in brackets or braces."""
    return text[collection.start : collection.start + 1] in ("{", "[")


def end_of(text: str, node: Node) -> int:
    """The place behind a node's last character that is not white space."""
    if not isinstance(node.value, dict | list):
        return node.start + len(text[node.start : node.end].rstrip())
    parts = list(node.value.values() if isinstance(node.value, dict) else node.value)
    ends = [end_of_entry(text, part) if isinstance(part, Entry) else end_of(text, part) for part in parts[-1:]]
    if not is_flow(text, node):
        return ends[0]
    closing = _CLOSING.match(text, ends[0] if ends else node.start + 1)
    return closing.end() if closing else node.end


def end_of_entry(text: str, entry: Entry) -> int:
    """The place behind a key and its value, which may be missing."""
    if isinstance(entry.value, dict | list) or entry.end > entry.start:
        return end_of(text, entry)
    colon = text.find(":", entry.key.end, entry.end)
    return entry.key.end if colon < 0 else colon + 1


def start_of_line(text: str, place: int) -> int:
    """The place of the first character on a line."""
    return max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1


def end_of_line(text: str, place: int) -> int:
    """The place of a line's break, or the end of the text."""
    found = BREAK.search(text, place)
    return found.start() if found else len(text)


def next_line(text: str, place: int) -> int:
    """The place behind a line's break, or the end of the text."""
    found = BREAK.search(text, place)
    return found.end() if found else len(text)


def first_break(text: str) -> str:
    """How the text ends its lines."""
    found = BREAK.search(text)
    return found.group() if found else "\n"


def quote_at(text: str, node: Node) -> str:
    """The quotes around a scalar."""
    return text[node.start] if text[node.start : node.start + 1] in ("'", '"') else ""


def quote_of(text: str, mapping: Node) -> str:
    """The quotes around the keys of a mapping, those of its first key."""
    return quote_at(text, next(iter(mapping.value.values())).key)


def quoted(value: str) -> str:
    """A text in double quotes on one line."""
    return json.dumps(value, ensure_ascii=False)  # also YAML


def written(value: str, *, in_flow: bool, quote: str = "") -> str:
    """A text as a scalar: in these quotes where it can, without any where that keeps it, else in double quotes."""
    if quote and value.isprintable() and quote not in value and "\\" not in value:
        return f"{quote}{value}{quote}"
    pattern = "{{{0}: {0}}}" if in_flow else "{0}: {0}"
    node, findings = parse_yaml("", pattern.format(value).encode())
    same = to_value(node) if node is not None and not findings else None
    is_text = same == {value: value} and not isinstance(same[value], Plain)
    return value if is_text and not quote else quoted(value)


def replace_scalar(text: str, node: Node, value: str) -> Iterator[Splice]:
    """What is written in the place of a scalar; a comment behind the mark of a literal or folded one stays."""
    if text[node.start : node.start + 1] in ("|", ">"):
        yield from replace_block(text, node, value)
    else:
        yield Splice(node.start, end_of(text, node), value)


def replace_block(text: str, node: Node, value: str) -> Iterator[Splice]:
    """A value for the mark of a literal or folded scalar; its lines go, a comment behind the mark stays."""
    header, body = _BLOCK_HEADER.match(text, node.start), BREAK.search(text, node.start, node.end)
    if header is None or body is None:
        raise ValueError(f"no literal or folded scalar at {node.line}:{node.column}")
    yield Splice(header.start(), header.end(), value)
    yield Splice(body.start(), end_of(text, node), "")
