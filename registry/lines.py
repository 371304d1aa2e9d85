"""Lines of a text: a line feed, a carriage return, or the two of them end one, as for YAML, Python and editors."""

from __future__ import annotations

import re

_LONE_RETURN = re.compile(r"\r(?!\n)")


def with_line_feeds(text: str) -> str:
    """The text whose lines all end with a line feed; no character moves."""
    return _LONE_RETURN.sub("\n", text) if "\r" in text else text


def place_at(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, counted from 1, of a text whose lines end with a line feed."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
