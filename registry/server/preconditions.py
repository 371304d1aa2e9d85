"""Conditions of a request: etags and ranges (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from registry.server.problems import ProblemError

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def check_preconditions(headers: Mapping[str, str], etag: str | None) -> None:
    """ProblemError 412 where `If-Match`, or for a write `If-None-Match`, does not hold; None is no record."""
    if (wanted := headers.get("if-match")) is not None and (etag is None or not _names(wanted, etag)):
        raise ProblemError(412, "`If-Match` does not hold: the record is another by now. GET it and try again")
    if (unwanted := headers.get("if-none-match")) is not None and etag is not None and _names(unwanted, etag):
        raise ProblemError(412, "`If-None-Match` does not hold: the record is there already")


def is_unchanged(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the reader has this already."""
    known = headers.get("if-none-match")
    return known is not None and _names(known.replace("W/", ""), etag)


def parse_range(headers: Mapping[str, str], size: int, etag: str) -> tuple[int, int] | None:
    """Offset and length of the one range that is asked for; None for the whole file.

    ProblemError 416 where the range begins behind the end. What is not understood is ignored, as is a range of
    another file than the one with this etag.
    """
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    if match is None or match[1] == match[2] == "" or headers.get("if-range", etag) != etag:
        return None
    if match[1] == "":
        offset, end = max(size - int(match[2]), 0), size
    else:
        offset, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
        if match[2] and int(match[2]) < offset:
            return None
    if offset >= size or offset >= end:
        raise ProblemError(416, f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return offset, end - offset


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in (part.strip() for part in header.split(","))
