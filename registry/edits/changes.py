"""The changes that fixes are made of: each knows its splices, and what the descriptor says afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from registry.digests import Digest
from registry.edits.entries import moved, taken_out
from registry.edits.pins import make_pin_splices, pinned
from registry.edits.splices import (
    Keys,
    Splice,
    apply_splices,
    is_flow,
    is_same,
    node_at,
    quote_at,
    replace_scalar,
    written,
)
from registry.nodes import Node, to_value
from registry.tree import MAX_BYTES
from registry.yaml12 import parse_yaml


class Replace(NamedTuple):
    """A scalar gives way to a text, or to YAML as it stands: a number, a truth value, a list."""

    keys: Keys
    text: str
    is_yaml: bool

    def splices(self, text: str, root: Node) -> Iterator[Splice]:
        """What writes it into the text that `root` was read from."""
        node, in_flow = node_at(root, self.keys), is_flow(text, node_at(root, self.keys[:-1]))
        new = self.text if self.is_yaml else written(self.text, in_flow=in_flow, quote=quote_at(text, node))
        yield from replace_scalar(text, node, new)

    def apply(self, value: Any) -> None:
        """Make the descriptor's value what it says afterwards."""
        node = parse_yaml("", self.text.encode())[0] if self.is_yaml else None
        _inside(value, self.keys)[self.keys[-1]] = to_value(node) if node else self.text


class Rename(NamedTuple):
    """A key gives way to another."""

    keys: Keys
    name: str

    def splices(self, text: str, root: Node) -> Iterator[Splice]:
        """What writes it into the text that `root` was read from."""
        mapping = node_at(root, self.keys[:-1])
        key = mapping.value[self.keys[-1]].key
        yield from replace_scalar(
            text, key, written(self.name, in_flow=is_flow(text, mapping), quote=quote_at(text, key))
        )

    def apply(self, value: Any) -> None:
        """Make the descriptor's value what it says afterwards."""
        mapping = _inside(value, self.keys)
        mapping[self.name] = mapping.pop(self.keys[-1])


class TakeOut(NamedTuple):
    """An entry or item goes."""

    keys: Keys

    def splices(self, text: str, root: Node) -> Iterator[Splice]:
        """What writes it into the text that `root` was read from."""
        yield taken_out(text, node_at(root, self.keys[:-1]), self.keys[-1])

    def apply(self, value: Any) -> None:
        """Make the descriptor's value what it says afterwards."""
        del _inside(value, self.keys)[self.keys[-1]]


class Move(NamedTuple):
    """An entry goes to another mapping, behind the entries that `order` has before it."""

    keys: Keys
    to: Keys
    order: Sequence[str]

    def splices(self, text: str, root: Node) -> Iterator[Splice]:
        """What writes it into the text that `root` was read from."""
        yield from moved(text, root, self.keys, self.to, self.order)

    def apply(self, value: Any) -> None:
        """Make the descriptor's value what it says afterwards."""
        _inside(value, self.to)[self.to[-1]] = _inside(value, self.keys).pop(self.keys[-1])


class Pin(NamedTuple):
    """A remote file gets its `sha256` and `size`."""

    keys: Keys  # of the target
    pin: Digest

    def splices(self, text: str, root: Node) -> Iterator[Splice]:
        """What writes it into the text that `root` was read from."""
        yield from make_pin_splices(text, root, {str(self.keys[-1]): self.pin})

    def apply(self, value: Any) -> None:
        """Make the descriptor's value what it says afterwards."""
        files = _inside(value, self.keys)
        files[self.keys[-1]] = pinned(files[self.keys[-1]], self.pin)


Change = Replace | Rename | TakeOut | Move | Pin


def apply_changes(text: str, root: Node, changes: Sequence[Change]) -> tuple[str, list[Change]]:
    """The text with those of the changes that can be made at once, and which these are.

    Each is made as it was meant or not at all: what the new text says is read and compared.
    """
    attempt = _Attempt(text, root, len(parse_yaml("", text.encode())[1]))
    done = attempt.keep([], list(_apart(changes)))
    return attempt.made(done) or text, done


class _Attempt(NamedTuple):
    """Changes of one text, made to see whether they can be."""

    text: str
    root: Node
    problems: int  # of its writing

    def keep(self, done: list[Change], more: list[Change]) -> list[Change]:
        """What is done, and of the others those that can be added to it."""
        if not more or self.made([*done, *more]) is not None:
            return done + more
        half = len(more) // 2
        return self.keep(self.keep(done, more[:half]), more[half:]) if half else done

    def made(self, changes: list[Change]) -> str | None:
        """The text with the changes; None where it would not say what it should."""
        each = [list(change.splices(self.text, self.root)) for change in changes]
        splices = sorted((splice for some in each for splice in some), key=lambda splice: splice[:2])
        if not all(each) or any(one.end > other.start for one, other in pairwise(splices)):
            return None
        new = apply_splices(self.text, splices)
        data, expected = new.encode(), to_value(self.root)
        for change in sorted(changes, key=lambda c: c.keys, reverse=True):  # the last items of a list first
            change.apply(expected)
        node, findings = parse_yaml("", data)
        is_meant = node is not None and len(findings) <= self.problems and is_same(to_value(node), expected)
        return new if is_meant and len(data) <= MAX_BYTES else None


def _apart(changes: Iterable[Change]) -> Iterator[Change]:
    """Those of the changes that touch nothing which an earlier one touches."""
    touched: set[Keys] = set()
    above: set[Keys] = set()
    for change in changes:
        places = [change.keys, *([change.to] if isinstance(change, Move) else [])]
        places += [(*change.keys[:-1], change.name)] if isinstance(change, Rename) else []
        parents = {place[:length] for place in places for length in range(len(place))}
        if touched.isdisjoint([*places, *parents]) and above.isdisjoint(places):
            touched.update(places)
            above |= parents
            yield change


def _inside(value: Any, keys: Keys) -> Any:
    """The mapping or list that holds what stands at `keys`."""
    for key in keys[:-1]:
        value = value[key]
    return value
