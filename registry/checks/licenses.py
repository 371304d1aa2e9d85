"""Licences: an SPDX expression, as SPDX spells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from registry.finding import Finding
from registry.policy import Policy
from registry.snapshot import Version

_NOISE = re.compile(r"(?i)[\s,_]+|\b(?:the|licen[sc]e|version)\b")
_NUMBER = re.compile(r"(?<=[A-Za-z])-?[vV]?([0-9])")
_MOST = 100  # characters of what is taken for one licence's name


def check_license(version: Version, _: Policy) -> Iterator[Finding]:
    """`license` is an SPDX expression."""
    if (expression := version.text("license")) is None:
        return
    canonical = _canonical(expression)
    if canonical is None:
        meant = nearest_license(expression)
        advice = f"Did you mean `{meant}`?" if meant else "Write one such as `MIT` or `Apache-2.0 OR MIT`"
        message = f"`{expression}` is not an SPDX expression. {advice}"
        yield version.place("license").finding("license-unknown", message, found=expression, fix=meant)
    elif canonical != expression:
        message = f"`{expression}` is spelled `{canonical}` in SPDX. Write it so"
        yield version.place("license").finding("license-unknown", message, found=expression, fix=canonical)


CHECKS = (check_license,)


def nearest_license(name: str) -> str | None:
    """The one licence that a name in other words means: `Apache License 2.0`, `apache2`; None where none is."""
    spelled = _NUMBER.sub(r"-\1", "-".join(filter(None, _NOISE.split(name[:_MOST]))))
    return next(filter(None, map(_canonical, (spelled, f"{spelled}.0"))), None)


@lru_cache(maxsize=256)  # a few make up nearly all that are asked for
def _canonical(expression: str) -> str | None:
    """The expression as SPDX spells it; None where it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(expression)
    except (InvalidLicenseExpression, MemoryError, RecursionError):  # the last two: parentheses in parentheses in …
        return None
