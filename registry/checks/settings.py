"""Settings: a change of what the repository allows is looked at by a maintainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from registry.finding import Finding, Place, Severity
from registry.rules import RULES

Keys = tuple[str, ...]
Written = Mapping[Keys, Any]  # the keys of each setting below [tool.registry] → its value

_PINS = ("required", "warn", "off")  # from strict to loose, as the next
_SEVERITIES = (*Severity, "off")


def check_settings(before: Written, after: Written, place: Callable[[Keys], Place]) -> Iterator[Finding]:
    """Each setting that differs; `place` says where the keys stand in the file of the head."""
    for keys in sorted({*before, *after}):
        old, new = (side.get(keys, _default(keys)) for side in (before, after))
        if old != new:
            is_looser = _is_looser(keys, old, new)
            advice = (
                "which allows more. Look whether it may" if is_looser else "once this is merged. Look what that does"
            )
            yield place(keys).finding(
                "settings-loosened" if is_looser else "settings-changed",
                f"`{'.'.join(keys)}` {_change(old, new)}, {advice}",
                found=_plain(new),
                expected=_plain(old),
            )


def _default(keys: Keys) -> Any:
    """What holds where a table lacks a key of its own choice."""
    return RULES[keys[1]].severity if keys[0] == "severity" else None


def _is_looser(keys: Keys, old: Any, new: Any) -> bool:
    """Whether something is allowed, or passes, that did not before."""
    match keys:
        case ("policy", "pins"):
            return _PINS.index(new) > _PINS.index(old)
        case ("policy", "sources"):
            return not all(any(_is_below(prefix, known) for known in old) for prefix in new)
        case ("policy", "docker_registries", _):
            return new is not None
        case ("policy", _):  # all others are numbers and truth values that allow more the greater they are
            return bool(new > old)
        case ("severity", _):
            return _SEVERITIES.index(new) > _SEVERITIES.index(old)
    return False


def _is_below(prefix: str, known: str) -> bool:
    return f"{prefix.rstrip('/')}/".startswith(f"{known.rstrip('/')}/")


def _change(old: Any, new: Any) -> str:
    if not isinstance(old, tuple):
        return f"goes from {_shown(old)} to {_shown(new)}"
    added, lost = [item for item in new if item not in old], [item for item in old if item not in new]
    sides = ("gains", added), ("loses", lost)
    words = (f"{verb} {', '.join(map(_shown, items))}" for verb, items in sides if items)
    return " and ".join(words) or "is in another order"


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
