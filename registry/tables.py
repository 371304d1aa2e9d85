"""TOML tables: where a key stands in a file that only says what it means."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from registry.finding import Place


def key_place(path: str, text: str, keys: tuple[str, ...]) -> Place:
    """Where the key at `keys` is written; where there is none, the nearest table above it, or the first character."""
    lines = text.split("\n")
    for length in range(len(keys), 0, -1):
        for number, line in enumerate(lines):
            word = re.search(rf"(?<![\w-]){re.escape(keys[length - 1])}(?![\w-])", line)
            if word and _is_written_here(lines, number, keys[:length]):
                return Place(path, number + 1, word.start() + 1, ".".join(keys))
    return Place(path, field=".".join(keys))


def syntax_place(path: str, text: str) -> Place:
    """Where a file stops to be TOML; its first character where that cannot be said, or it never does."""
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if at := re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", str(error)):
            return Place(path, int(at.group(1)), int(at.group(2)))
    return Place(path)


def _is_written_here(lines: list[str], number: int, keys: tuple[str, ...]) -> bool:
    """Whether the statement that begins in this line is the one that brings the key."""
    before = _read(lines[:number])
    if before is None or _has(before, keys):
        return False
    ends = (end for end in range(number + 1, len(lines) + 1) if _read(lines[:end]) is not None)
    end = next(ends, None)
    return end is not None and _has(_read(lines[:end]), keys)


def _read(lines: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines) + "\n")
    except tomllib.TOMLDecodeError:
        return None


def _has(document: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
