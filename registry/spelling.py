"""Spelling: which known name comes near to one that is not known, and when it can only be that."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import NamedTuple

# Of difflib's ratio, which is 1 for the same:
_SLIP = 0.8  # a letter or two differ
_SWAPPED = 0.95  # letters have changed places, which the ratio takes for more than it is
_APART = 0.05  # by what the nearest name is nearer than the next one
_SHORTEST = 4  # letters; a slip in fewer leads anywhere
_MOST = 8  # names that are looked at closely: those that come nearest


class Guess(NamedTuple):
    """What a name may be."""

    near: str | None  # the known name that comes nearest, case aside
    sure: str | None  # the one that it can only be: the same in another case, or with a slip of the finger


def guess(name: str, names: Iterable[str]) -> Guess:
    """What `name` may be among known names."""
    wanted, folded = name.casefold(), {known.casefold(): known for known in names}
    if wanted in folded:
        return Guess(folded[wanted], folded[wanted])
    near = get_close_matches(wanted, folded, _MOST)
    swapped = [other for other in folded if _is_swapped(wanted, other)]
    likeness = {other: _likeness(wanted, other) for other in (*near, *swapped)}
    best = max(likeness, key=likeness.__getitem__, default="")
    next_best = max((like for other, like in likeness.items() if other != best), default=0.0)
    if likeness.get(best, 0.0) >= _SLIP and likeness[best] - next_best >= _APART:
        return Guess(folded[best], folded[best])
    return Guess(folded[near[0]] if near else None, None)


def _likeness(written: str, meant: str) -> float:
    """How much one is like the other, 0 to 1; not at all where a number differs, or where they are short."""
    if min(len(written), len(meant)) < _SHORTEST or re.findall("[0-9]+", written) != re.findall("[0-9]+", meant):
        return 0.0
    return _SWAPPED if _is_swapped(written, meant) else SequenceMatcher(None, written, meant).ratio()


def _is_swapped(one: str, other: str) -> bool:
    return len(one) == len(other) and sorted(one) == sorted(other)
