"""Spelling: which known name comes near to one that is not known, and when it can only be that."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_SLIP = 0.8  # of difflib's ratio: a letter or two
_SHORTEST = 4  # letters; a slip in fewer leads anywhere


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that comes nearest, case aside; None where none is near."""
    folded = {known.casefold(): known for known in names}
    near = get_close_matches(name.casefold(), folded, 1)
    return folded[near[0]] if near else None


def meant(name: str, names: Iterable[str]) -> str | None:
    """The one name that can only be meant: the same in another case, or the only one that a slip leads to."""
    known = list(names)
    same = [other for other in known if other.casefold() == name.casefold()]
    found = same or [other for other in known if is_slip(name, other)]
    return found[0] if len(found) == 1 else None


def is_slip(written: str, meant: str) -> bool:
    """Whether one is the other with a slip of the finger: few letters differ or change places, and no number does."""
    one, other = written.casefold(), meant.casefold()
    if min(len(one), len(other)) < _SHORTEST or re.findall("[0-9]+", one) != re.findall("[0-9]+", other):
        return False
    return sorted(one) == sorted(other) or SequenceMatcher(None, one, other).ratio() >= _SLIP
