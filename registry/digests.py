"""What bytes are: sha256 and size, taken in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Digest(NamedTuple):
    """What a file's bytes are."""

    sha256: str  # hex digits
    size: int  # bytes


def digest_of(chunks: Iterable[bytes]) -> Digest:
    """The digest of a stream, in constant memory."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Digest(digest.hexdigest(), size)
