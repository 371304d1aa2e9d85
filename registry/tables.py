"""TOML tables: where a key stands in a file that only says what it means."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from registry.finding import Place

_MOST = 2_000_000  # characters read to find one place: a few seconds; a longer look is not worth it


def key_place(path: str, text: str, keys: tuple[str, ...]) -> Place:
    """Where the key at `keys` is written; where there is none, the nearest table above it, or the first character."""
    lines, look = text.split("\n"), _Look()
    for length in range(len(keys), 0, -1):
        for number, line in enumerate(lines):
            word = re.search(rf"(?<![\w-]){re.escape(keys[length - 1])}(?![\w-])", line)
            if word and look.is_written(lines, number, keys[:length]):
                return Place(path, number + 1, word.start() + 1, ".".join(keys))
    return Place(path, field=".".join(keys))


def syntax_place(path: str, said: str) -> Place:
    """Where a file stops to be TOML, by what its reader said; its first character where that did not say it."""
    at = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", said)
    return Place(path, int(at.group(1)), int(at.group(2))) if at else Place(path)


class _Look:
    """One look for a key, which ends in time whatever the file is made for."""

    def __init__(self) -> None:
        self._left = _MOST

    def is_written(self, lines: list[str], number: int, keys: tuple[str, ...]) -> bool:
        """Whether the statement that begins in this line is the one that brings the key."""
        before = self._read(lines[:number])
        if before is None or _has(before, keys):
            return False
        for end in range(number + 1, len(lines) + 1):
            if self._left < 0:
                return False
            if (document := self._read(lines[:end])) is not None:
                return _has(document, keys)
        return False

    def _read(self, lines: list[str]) -> dict[str, Any] | None:
        text = "\n".join(lines) + "\n"
        self._left -= len(text)
        try:
            return tomllib.loads(text) if self._left >= 0 else None
        except (ValueError, RecursionError):
            return None


def _has(document: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
