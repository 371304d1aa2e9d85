"""A source line with carets under what is wrong, as a terminal shows it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from registry.report.span import span, stands_in

if TYPE_CHECKING:
    from registry.finding import Finding

Lines = Mapping[str, Mapping[int, str]]  # path → number from 1 → text without its line break

NO_LINES: Lines = {}

_COLUMNS = 72  # of a line with its number: with what stands before it, a terminal's 80
_TAB = "    "


def render_quote(finding: Finding, lines: Lines) -> list[str]:
    """The finding's line and the carets below it; nothing where the line is not known, or not what is wrong."""
    line = lines.get(finding.path, {}).get(finding.line)
    if line is None or not stands_in(finding, line):
        return []
    number = str(finding.line)
    window = _cut(line, finding.column - 1, span(finding, line), _COLUMNS - len(f"{number} | "))
    carets = " " * window.before + "^" * window.width
    return [f"{number} | {window.text}".rstrip(), f"{' ' * len(number)} | {carets}"]


class _Window(NamedTuple):
    """What is shown of a line, and where in it the place is, in columns of a terminal."""

    text: str
    before: int
    width: int


def _cut(line: str, start: int, length: int, most: int) -> _Window:
    """At most `most` columns of the line around the characters from `start` on, with `…` where more is."""
    most -= start >= len(line)  # a place behind the last character takes a column too
    far = max(0, start - most)  # no character before this one can be shown
    shown = [_spelled(char) for char in line[far : start + most]]
    ends = [0, *accumulate(map(columns, shown))]  # the columns before each character, and before the end
    place, end = ends[start - far], ends[min(start - far + length, len(shown))]
    has_more = start + most < len(line)
    is_whole = not far and not has_more and ends[-1] <= most
    is_near = not far and min(end, place + most // 2) < most
    first = 0 if is_whole or is_near else bisect_left(ends, place - most // 3)
    is_cut = far + first > 0
    is_last = not has_more and ends[-1] - ends[first] <= most - is_cut
    last = len(shown) if is_last else bisect_right(ends, ends[first] + most - is_cut - 1) - 1
    text = "…" * is_cut + "".join(shown[first:last]) + "…" * (not is_last)
    return _Window(text, place - ends[first] + is_cut, max(1, min(end, ends[last]) - place))


def _spelled(char: str) -> str:
    """A character as it can be shown: what would not be seen, or would move the others, by its number."""
    if char == "\t":
        return _TAB
    if "\ufe00" <= char <= "\ufe0f":
        return ""  # it selects how wide the one before is, and terminals differ
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that is no UTF-8
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many places a terminal gives to it."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
