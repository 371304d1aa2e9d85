"""What the registrar asks of private storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Blob(NamedTuple):
    """One stored file as storage reports it."""

    path: str  # POSIX, relative to the container or folder: `zen-bert/1.0/config.json`
    size: int  # bytes
    etag: str  # changes whenever content or recorded digest change
    sha256: str | None  # hex digits recorded after verification, believed while the blob is the same; else None


class Lease(Protocol):
    """An exclusive hold on one path."""

    def remaining(self) -> float:
        """Seconds for which the hold is certain; infinite for a lock of the operating system; 0 once lost."""

    def read(self) -> bytes:
        """What the last holder wrote; empty when nobody has."""

    def write(self, content: bytes) -> None:
        """Say who holds it; raises LockError once the hold is lost."""


class Storage(Protocol):
    """Create-only bytes with etags. Every method may raise StorageError; foreign exceptions never leave."""

    @property
    def url(self) -> str:
        """Where it is, without credentials; equal for the same storage."""

    def stat(self, path: str) -> Blob | None:
        """The blob at `path`, or None."""

    def read(self, path: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks of at most a few MiB; raises BlobMissingError before the first chunk."""

    def create(self, path: str, chunks: Iterable[bytes]) -> Blob:
        """Store new bytes, all or nothing; raises BlobExistsError and leaves what is there."""

    def replace(self, path: str, chunks: Iterable[bytes], *, etag: str) -> Blob:
        """Put other bytes in the place of exactly the blob with this etag; raises BlobChangedError."""

    def copy(self, path: str, source: str, *, size: int | None, etag: str | None = None) -> Blob:
        """Let the service fetch `source` (a URL that may carry a SAS): all or nothing, no metadata inherited.

        Creates, or with `etag` replaces exactly that blob. Raises BlobExistsError, BlobChangedError, and
        CopyNotOfferedError where the service cannot fetch the source: then the caller streams. `size` in bytes is
        the source's own, if known: a large source is copied in ranges up to there.
        """

    def record_digest(self, blob: Blob, sha256: str) -> Blob:
        """Note the verified digest with exactly this blob; raises BlobChangedError."""

    def delete(self, blob: Blob) -> None:
        """Take exactly this blob away; raises BlobChangedError; no error when it is gone already."""

    def list(self, prefix: str) -> Iterator[Blob]:
        """Every blob whose path starts with `prefix`, by path; those under `.registry/` only where the prefix does."""

    def link(self, path: str, *, hours: int) -> str | None:
        """A read-only URL that needs no further authentication for some hours; None: only the endpoint serves it."""

    def lease(self, path: str, *, timeout: float) -> AbstractContextManager[Lease]:
        """Hold `path` exclusively, renewed until the block ends; raises LockError with the holder after `timeout` s."""
