"""Numbers, counts and untrusted text in words that are safe to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from registry.identity import UNPRINTABLE

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSANDS = ("", "k", "M", "G", "T", "P")


def printable(text: str) -> str:
    """The text on one line, with control and bidirectional characters spelled out."""
    escaped = UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    return escaped.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")


def shortened(text: str, most: int) -> str:
    """The text where it has at most so many characters, else its beginning and `…`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def count(number: int, word: str) -> str:
    """`1 error`, `2 errors`, `2 entries`."""
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"


def size(amount: float | None) -> str:
    """Bytes in decimal units: `567 kB`."""
    return "unknown size" if amount is None else _scaled(amount, _UNITS)


def number(of: float) -> str:
    """A number of which three digits tell enough: `141 k`, `2.1 M`."""
    return _scaled(of, _THOUSANDS).rstrip()


def differing(render: Callable[[int], str], before: int, after: int) -> tuple[str, str]:
    """Two numbers that differ, each as `render` says it; exactly, where that says the same of both."""
    rough = render(before), render(after)
    return rough if rough[0] != rough[1] else (f"{before:,}", f"{after:,}")


def _scaled(amount: float, units: Sequence[str]) -> str:
    unit = 0
    while amount >= 999.5 and unit < len(units) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {units[unit]}" if unit == 0 or amount >= 99.5 else f"{amount:.3g} {units[unit]}"


def measured(amount: float, seconds: float) -> str:
    """Bytes with the time they took: `567 kB in 0.4 s (1.42 MB/s)`."""
    rate = f" ({size(amount / seconds)}/s)" if seconds and amount else ""
    return f"{size(amount)} in {duration(seconds)}{rate}"


def duration(seconds: float) -> str:
    """`0.4 s`, `3 min 20 s`, `5 h 3 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def value(of: Any) -> str:
    """A field's value: text quoted, absent as `nothing`, numbers grouped."""
    if of is None:
        return "nothing"
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, int):
        return f"{of:,}"
    if isinstance(of, list):
        return "[" + ", ".join(printable(str(item)) for item in of) + "]"
    return f'"{printable(of)}"' if isinstance(of, str) else printable(str(of))
