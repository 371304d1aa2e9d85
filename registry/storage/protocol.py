"""What the registrar asks of private storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

AT_ONCE = 64 * 1024 * 1024  # bytes: what a service copies in one call; a larger source may change between two


class Blob(NamedTuple):
    """One stored file as storage reports it."""

    path: str  # POSIX, relative to the container or folder: `zen-bert/1.0/config.json`
    size: int  # bytes
    etag: str  # changes whenever content or recorded digest change
    sha256: str | None  # hex digits recorded after verification, believed while the blob is the same; else None


@dataclass(frozen=True)
class Source:
    """Where the service may fetch a file."""

    url: str = field(repr=False)  # with all that reading it needs, such as a SAS
    size: int | None  # bytes, if known; then it must be the source's own
    etag: str | None = None  # copied only while the source has it
    authorization: str | None = field(default=None, repr=False)  # header that the service shows to the source
    md5: str | None = None  # in base64, as the source has it recorded, which may be wrong
    look: Callable[[], Source] | None = field(default=None, repr=False)  # the same, as the source itself says it now

    @property
    def is_public(self) -> bool:
        """Whether the URL may be shown to every reader of the copy."""
        return "?" not in self.url and self.authorization is None


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
    def fetches(self) -> bool:
        """Whether it can copy from elsewhere by itself, as far as that is known without trying."""

    @property
    def bearer(self) -> Callable[[], str] | None:
        """An Authorization header that sources in the same cloud may accept too; None where it is opened otherwise."""

    @property
    def url(self) -> str:
        """Where it is, without credentials; equal for the same storage."""

    def stat(self, path: str) -> Blob | None:
        """The blob at `path`, or None."""

    def settle(self, path: str, source: str | None) -> Blob | None:
        """As `stat`, once no copy to it is pending: one from `source` is waited for, any other is aborted."""

    def load(self, path: str) -> tuple[Blob, bytes] | None:
        """A small file as a whole with the blob that it is, or None."""

    def read(self, path: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks of at most a few MiB; raises BlobMissingError before the first chunk."""

    def create(self, path: str, chunks: Iterable[bytes]) -> Blob:
        """Store new bytes, all or nothing; raises BlobExistsError and leaves what is there."""

    def replace(self, path: str, chunks: Iterable[bytes], *, etag: str) -> Blob:
        """Put other bytes in the place of exactly the blob with this etag; raises BlobChangedError."""

    def copy(self, path: str, source: Source, *, etag: str | None = None) -> Blob:
        """Let the service fetch the source: all or nothing, no metadata inherited; the size is not yet certain.

        Creates, or with `etag` replaces exactly that blob. Raises BlobExistsError, BlobChangedError,
        SourceChangedError, and CopyNotOfferedError where the service cannot fetch the source: then the caller streams.
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
