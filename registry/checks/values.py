"""Spelling: what a value of the wrong form was meant to be, where that can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from registry.spelling import guess

_GROUPED = re.compile(r"[0-9]{1,3}(?:([_,' ])[0-9]{3})(?:\1[0-9]{3})*")
_ROUNDED = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kKmMbBgG])")
_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9}
_TRUE, _FALSE = {"true", "yes", "y", "on", "1"}, {"false", "no", "n", "off", "0"}
_DIGEST = re.compile(r"(?:sha-?256[:=-])?([0-9a-f]{64})")
_WORD = re.compile(r"[A-Za-z][\w.+#/-]*")


def right_value(problem: Mapping[str, Any]) -> str | None:
    """The value that one of pydantic's problems asks for, as YAML where the type is wrong; None where it is unknown."""
    written = problem["input"]
    if problem["type"] == "literal_error":
        return guess(str(written), _choices(problem)).sure
    if problem["type"] == "int_type":
        return _number(written)
    if problem["type"] == "bool_type":
        word = str(written).lower()
        return "true" if word in _TRUE else "false" if word in _FALSE else None
    if problem["type"] == "tuple_type" and isinstance(written, str):
        return _list(written)
    if problem["type"] == "string_pattern_mismatch":
        return _digest(written) if "64" in problem["ctx"]["pattern"] else " ".join(written.split())
    return None


def nearest_choice(problem: Mapping[str, Any]) -> str | None:
    """Of the words that pydantic names, the one that comes near to what is written."""
    return guess(str(problem["input"]), _choices(problem)).near if problem["type"] == "literal_error" else None


def _choices(problem: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']+)'", problem["ctx"]["expected"])


def _number(written: Any) -> str | None:
    """The digits of a number in quotes, in groups, in scientific notation, or in thousands, millions or billions."""
    if isinstance(written, float):
        return str(int(written)) if written.is_integer() else None
    text = written.strip() if isinstance(written, str) else ""
    if _GROUPED.fullmatch(text):
        return re.sub(r"\D", "", text)
    if rounded := _ROUNDED.fullmatch(text):
        number = Decimal(rounded[1]) * _UNITS[rounded[2].lower()]
        return str(int(number)) if number == int(number) else None
    return text if re.fullmatch(r"[1-9][0-9]{0,15}", text) else None


def _list(written: str) -> str | None:
    """What stands between commas, or the one thing that stands there, as a list."""
    items = [item.strip() for item in written.split(",") if item.strip()]
    spelled = (item if _WORD.fullmatch(item) else json.dumps(item, ensure_ascii=False) for item in items)
    return f"[{', '.join(spelled)}]" if items else None


def _digest(written: str) -> str | None:
    found = _DIGEST.fullmatch(written.strip().lower())
    return found[1] if found else None
