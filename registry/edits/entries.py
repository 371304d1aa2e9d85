"""Entries of mappings and items of lists: taken out, and moved to another mapping with what belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from registry.edits.splices import (
    BREAK,
    Keys,
    Splice,
    end_of,
    end_of_entry,
    end_of_line,
    first_break,
    is_flow,
    next_line,
    node_at,
    quote_at,
    start_of_line,
    written,
)
from registry.nodes import Entry, Node, Plain

_NOTHING_ELSE = re.compile(r"[ \t]*(?P<comment>#[^\r\n]*)?(?=[\r\n]|\Z)")  # on the rest of a line
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_GAP = re.compile(r"\s*,\s*")  # between two entries that no comment parts
_COMMENT = re.compile(r"[ \t]*#[^\r\n]*")


def taken_out(text: str, parent: Node, key: str | int) -> Splice:
    """What takes out an entry or an item: its lines where they hold nothing else, with a comment at their end."""
    start, end = _span(text, parent, key)
    comma = _COMMA.match(text, end) if is_flow(text, parent) else None
    end = comma.end() if comma else end
    rest = _NOTHING_ELSE.match(text, end)
    if is_flow(text, parent) and not comma and not (rest and rest["comment"]):
        before = _end_of_previous(text, parent, start)
        return Splice(before if _GAP.fullmatch(text, before, start) else start, end, "")
    if rest and not text[start_of_line(text, start) : start].strip():
        return Splice(start_of_line(text, start), next_line(text, end), "")
    return Splice(start, end, "")


def moved(text: str, root: Node, keys: Keys, to: Keys, order: Sequence[str]) -> Iterator[Splice]:
    """What moves an entry into another mapping, behind the entries that `order` has before it; its comments follow.

    Nothing where that cannot be written.
    """
    source, home = node_at(root, keys[:-1]), node_at(root, to[:-1])
    entry: Entry = source.value[keys[-1]]
    before = [there for name, there in home.value.items() if name in order[: order.index(str(to[-1]))]]
    if is_flow(text, home):
        if pair := _pair(text, entry, in_flow=True):
            yield _out_of(text, source, entry, keys[-1])
            yield _into_flow(text, home, before, pair)
    elif is_flow(text, source):
        if pair := _pair(text, entry, in_flow=False):
            out = taken_out(text, source, keys[-1])
            yield out
            comments = _comments_in(text, entry, out)
            line = f"{_indent(home)}{pair}{'  ' if comments else ''}{comments}"
            yield _into_block(text, root, to, before, line, out)
    else:
        start, end = _start_of_comments(text, entry), end_of_line(text, end_of_entry(text, entry))
        out = Splice(start, next_line(text, end), "")
        yield out
        yield _into_block(text, root, to, before, _indented(text[start:end], home.column - source.column), out)


def _span(text: str, parent: Node, key: str | int) -> tuple[int, int]:
    found = parent.value[key]
    if isinstance(found, Entry):
        return found.key.start, end_of_entry(text, found)
    start = found.start if is_flow(text, parent) else text.rindex("-", 0, found.start)
    return start, end_of(text, found)


def _end_of_previous(text: str, parent: Node, start: int) -> int:
    """Where the entry or item before this one ends, or the collection begins."""
    entries = parent.value.values() if isinstance(parent.value, dict) else parent.value
    ends = (end_of_entry(text, e) if isinstance(e, Entry) else end_of(text, e) for e in entries)
    return max((end for end in ends if end <= start), default=parent.start + 1)


def _pair(text: str, entry: Entry, *, in_flow: bool) -> str | None:
    """A key and its value on one line; None where they need more."""
    value = _on_one_line(text, entry, in_flow=in_flow)
    return None if value is None else f"{text[entry.key.start : entry.key.end]}: {value}"


def _on_one_line(text: str, node: Node, *, in_flow: bool) -> str | None:
    """A value as it is written where that is one line, or else in braces where no comment stands in it."""
    raw = text[node.start : end_of(text, node)]
    if isinstance(node.value, str) and not isinstance(node.value, Plain):
        return written(node.value, in_flow=in_flow, quote=quote_at(text, node))
    if not isinstance(node.value, dict | list) or (is_flow(text, node) and not BREAK.search(raw)):
        return raw
    if re.search(r"(^|\s)#", raw):
        return None
    parts = node.value.values() if isinstance(node.value, dict) else node.value
    lines = [
        _pair(text, part, in_flow=True) if isinstance(part, Entry) else _on_one_line(text, part, in_flow=True)
        for part in parts
    ]
    around = "{%s}" if isinstance(node.value, dict) else "[%s]"
    return None if None in lines else around % ", ".join(filter(None, lines))


def _out_of(text: str, source: Node, entry: Entry, key: str | int) -> Splice:
    """What takes an entry out whose comments stay on a line of their own: where it goes there is no place for them."""
    out = taken_out(text, source, key)
    comments = _comments_in(text, entry, out)
    return out._replace(text=f"{_indent(source)}{comments}{first_break(text)}") if comments else out


def _into_flow(text: str, home: Node, before: Sequence[Entry], pair: str) -> Splice:
    if before:
        place = end_of_entry(text, before[-1])
        return Splice(place, place, f", {pair}")
    first = next(iter(home.value.values()), None)
    place = first.key.start if first else home.start + 1
    return Splice(place, place, f"{pair}, " if first else pair)


def _into_block(text: str, root: Node, to: Keys, before: Sequence[Entry], lines: str, out: Splice) -> Splice:
    """Lines behind those of the last entry before them, or behind the line that opens the mapping."""
    if before:
        place = next_line(text, end_of_entry(text, before[-1]))
    elif len(to) > 1:
        place = next_line(text, node_at(root, to[:-2]).value[to[-2]].key.end)
    else:
        place = start_of_line(text, root.start)
    line_break = first_break(text)
    if place == len(text) and not text.endswith(("\n", "\r")):
        return Splice(place, place, lines if out.end == place else f"{line_break}{lines}")
    return Splice(place, place, f"{lines}{line_break}")


def _indent(mapping: Node) -> str:
    return " " * (mapping.column - 1)


def _indented(lines: str, more: int) -> str:
    """The lines with more spaces before each, or with fewer."""
    if more > 0:
        return re.sub(r"^(?=[^\r\n])", " " * more, lines, flags=re.MULTILINE)
    return re.sub(rf"^ {{0,{-more}}}", "", lines, flags=re.MULTILINE)


def _start_of_comments(text: str, entry: Entry) -> int:
    """Where the lines of an entry begin with the comments right above it; those at the top speak of the whole file."""
    comment = re.compile(rf" {{{entry.key.column - 1}}}#[^\r\n]*(?:\r\n|\r|\n)")
    own = start = start_of_line(text, entry.key.start)
    while start:
        above = start_of_line(text, start - (2 if text.endswith("\r\n", 0, start) else 1))
        if not comment.fullmatch(text, above, start):
            return start
        start = above
    return own


def _comments_in(text: str, entry: Entry, out: Splice) -> str:
    """The comments before, within and behind the value of an entry that is taken out, on one line."""
    start = entry.start
    is_block = text[start : start + 1] in ("|", ">")
    parts = [(entry.key.end, start), (start, end_of_line(text, start) if is_block else start)]
    found = [_COMMENT.search(text, *part) for part in (*parts, (end_of_entry(text, entry), out.end))]
    return "  ".join(comment.group().strip() for comment in found if comment)
