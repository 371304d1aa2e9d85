"""What YAML is read into: values that know where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from registry.finding import Place

_NULL = {"", "~", "null", "Null", "NULL"}
_NUMBERS = frozenset("+-.0123456789")  # what numbers begin with
BEGINNINGS = _NUMBERS | {"", *"~nNtTfF"}  # what all begins with that could be more than text
_BOOLS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?[0-9]{1,100}")  # longer ones stay text: no field of ours wants them
_OCTAL = re.compile(r"0o[0-7]{1,100}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400}|(?=[eE])))(?:[eE][-+]?[0-9]{1,10})?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Plain(str):
    """An unquoted scalar that could be more than text: `value` is what YAML 1.2 core makes of it."""

    __slots__ = ("value",)
    value: bool | int | float

    def __new__(cls, text: str, value: bool | int | float) -> Plain:  # noqa: FBT001 - a value, not a flag
        plain = super().__new__(cls, text)
        plain.value = value
        return plain


@dataclass(slots=True)
class Node:
    """One node: `value` is a str, a Plain, None, a list of nodes, or a dict of key → Entry.

    Its place is taken from the parser's event when it is asked for, since most nodes never are; without an event it is
    the beginning of the file.
    """

    value: Any
    event: Any = None

    @property
    def line(self) -> int:
        """Counts from 1."""
        return int(self.event.start_mark.line) + 1 if self.event else 1

    @property
    def column(self) -> int:
        """Counts from 1."""
        return int(self.event.start_mark.column) + 1 if self.event else 1

    @property
    def start(self) -> int:
        """In characters of the text."""
        return int(self.event.start_mark.index) if self.event else 0

    @property
    def end(self) -> int:
        """Behind its last character; of a scalar only, which may have blank lines at its end."""
        return int(self.event.end_mark.index) if self.event else 0


@dataclass(slots=True)
class Entry(Node):
    """A node under a key of a mapping."""

    key_event: Any = None

    @property
    def key(self) -> Node:
        """The key, which has a place of its own."""
        return Node(getattr(self.key_event, "value", None), self.key_event)


def to_value(node: Node) -> Any:
    """The node without places: dict, list, str, Plain or None."""
    value = node.value
    if type(value) is dict:
        return {key: to_value(entry) for key, entry in value.items()}
    if type(value) is list:
        return [to_value(item) for item in value]
    return value


def place_of(root: Node, path: str, keys: tuple[str | int, ...], *, at_key: bool = False) -> Place:
    """Where the value at `keys` stands (or its key); the nearest node above it where there is none.

    A value that has no first line of its own, because it is empty or a block that begins further down, is at its key.
    """
    node, key_node = root, root
    for key in keys:
        if isinstance(node.value, dict) and key in node.value:
            entry = node.value[key]
            node, key_node = entry, entry.key
        elif isinstance(node.value, list) and isinstance(key, int) and key < len(node.value):
            node = key_node = node.value[key]
        else:
            break
    is_below = isinstance(node.value, dict | list) and node.line > key_node.line
    where = key_node if at_key or is_below or (node.value is None and node.start == node.end) else node
    return Place(path, where.line, where.column, ".".join(map(str, keys)))


def parse_scalar(text: str) -> str | None:
    """What YAML 1.2 core makes of an unquoted scalar."""
    if text in _NULL:
        return None
    if text in _BOOLS:
        return Plain(text, _BOOLS[text])
    if text[0] not in _NUMBERS:
        return text
    if _INT.fullmatch(text):
        return Plain(text, int(text))
    if _OCTAL.fullmatch(text):
        return Plain(text, int(text[2:], 8))
    if _HEX.fullmatch(text):
        return Plain(text, int(text[2:], 16))
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return Plain(text, float(text.lower().replace(".inf", "inf").replace(".nan", "nan")))
    return text
