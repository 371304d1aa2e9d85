"""Copy and verify files: what stands under its name in private storage is what it should be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from registry.digests import digest_of
from registry.errors import BlobChangedError, BlobExistsError, CopyError, CopyNotOfferedError
from registry.facts import Content
from registry.storage import Blob, Source, Storage
from registry.storage.offer import Offer

FILES = 64  # copied and read back at once: most of their time is waiting
_STREAMS = 4  # large files that pass through this machine at once: each holds some blocks in memory
_SMALL = 1024 * 1024  # bytes
_HEAD = 64 * 1024  # bytes: most headers of weights

log = logging.getLogger(__name__)


class Locate(Protocol):
    """Where a remote file is for the service; `look` asks the source itself, and fails where it is not there."""

    def __call__(self, *, look: bool) -> Source: ...


class Remote(NamedTuple):
    """A file that the service may fetch itself."""

    url: str  # as its author wrote it
    locate: Locate


@dataclass(frozen=True)
class Wanted:
    """One file that should stand at `path`, and where its bytes are."""

    path: str  # in private storage
    stream: Callable[[], Iterator[bytes]]
    remote: Remote | None = None  # None for local files
    sha256: str | None = None  # None: not pinned; what was copied is recorded
    size: int | None = None
    replace: bool = True  # other content, verified earlier, may give way: a page file, a version never registered
    is_new: bool = False  # nothing is expected at `path`: not looked for before it is created
    keep: bool = False  # its first bytes, which rules ask for once it is verified
    known: str | None = None  # etag of the blob as it was registered; what stands with another is looked at anew


class Copied(NamedTuple):
    """A verified file, and why its bytes passed through this machine, where they should not have had to."""

    blob: Blob
    streamed: str = ""
    head: bytes = b""  # its first bytes, where they were to be kept and it was read


class Copier:
    """Copies files into one storage, many at once; what its service cannot fetch is learned once for each host."""

    def __init__(self, storage: Storage, *, files: int = FILES) -> None:
        self._storage = storage
        self._pool = ThreadPoolExecutor(files, "files")
        self._streams = BoundedSemaphore(_STREAMS)
        self._offers: dict[str, Offer] = {}
        self._asking = Lock()

    def close(self) -> None:
        """Let the workers go, which have nothing left to do."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def copy_all(self, wanted: Mapping[str, Wanted], check: Callable[[], None]) -> dict[str, Copied]:
        """Every file copied and verified; `check` may stop it before each. Raises what the first one raised."""
        with self._begun(wanted, check) as futures:
            return {target: future.result() for target, future in futures.items()}

    def copy_each(
        self, wanted: Mapping[str, Wanted], check: Callable[[], None]
    ) -> Generator[tuple[str, Future[Copied]]]:
        """The same, each file as it ends, well or not; when the caller leaves, none is being copied any more."""
        with self._begun(wanted, check) as futures:
            targets = {future: target for target, future in futures.items()}
            yield from ((targets[future], future) for future in as_completed(targets))

    @contextmanager
    def _begun(self, wanted: Mapping[str, Wanted], check: Callable[[], None]) -> Iterator[Mapping[str, Future[Copied]]]:
        futures = {target: self._pool.submit(self.copy, file, check) for target, file in wanted.items()}
        try:
            yield futures
        finally:
            for future in futures.values():
                future.cancel()
            wait(futures.values())

    def copy(self, wanted: Wanted, check: Callable[[], None] = lambda: None) -> Copied:
        """The file with its digest verified and recorded: adopted where it stands, else copied.

        `check` may stop it before it looks at what stands there. Raises CopyError where the bytes are not those that
        were promised.
        """
        check()
        if wanted.is_new:
            try:
                return self._verified(wanted, None)
            except BlobExistsError:
                log.debug("%s: something stands there already", wanted.path)
        try:
            return self._settled(wanted)
        except (BlobExistsError, BlobChangedError):
            # Somebody was faster, or a copy that failed was taken away: what is there now is judged in the same way.
            check()
            return self._settled(wanted)

    def content(self, copied: Copied) -> Content:
        """A copied file by ranges; storage is asked only for what was not kept."""
        blob, head = copied.blob, copied.head

        def read(offset: int, length: int) -> bytes:
            if offset + length <= len(head) or blob.size == len(head):
                return head[offset : offset + length]
            return b"".join(self._storage.read(blob.path, offset=offset, length=length))

        return Content(blob.size, read)

    def _settled(self, wanted: Wanted) -> Copied:
        blob = self._storage.settle(wanted.path, wanted.remote.url if wanted.remote else None)
        if blob is not None and blob.sha256 and wanted.known and blob.etag != wanted.known:
            blob = self._storage.record_digest(blob, digest_of(self._storage.read(blob.path)).sha256)
        if blob is not None and (adopted := self._adopt(blob, wanted)):
            return Copied(adopted)
        if blob is not None and blob.sha256 is not None and not wanted.replace:
            raise CopyError(
                f"{wanted.path} holds other bytes than the descriptor names (sha256 {blob.sha256[:12]}…)",
                hint="a registered file never changes: add a new version",
            )
        return self._verified(wanted, blob.etag if blob else None)

    def _adopt(self, blob: Blob, wanted: Wanted) -> Blob | None:
        """The blob that stands there if it is what is wanted; its digest is taken where none is recorded."""
        if wanted.sha256 is None:  # nothing says what it should be: kept once registered, copied anew before
            return blob if blob.sha256 is not None and not wanted.replace else None
        if blob.sha256 is not None:
            return blob if blob.sha256 == wanted.sha256 else None
        if blob.size != wanted.size:
            return None
        sha256, _ = digest_of(self._storage.read(blob.path))
        return self._storage.record_digest(blob, sha256) if sha256 == wanted.sha256 else None

    def _verified(self, wanted: Wanted, etag: str | None) -> Copied:
        """Copy and read the copy once; one that is not what was promised is taken away."""
        blob, streamed, _ = self._fetch(wanted, etag)
        head = bytearray()
        sha256, size = digest_of(_noted(self._storage.read(blob.path), head, _HEAD if wanted.keep else 0))
        problem = _problem(wanted, sha256, size)
        if problem is None:
            recorded = self._storage.record_digest(blob, sha256)._replace(size=size)
            return Copied(recorded, streamed, bytes(head))
        self._storage.delete(blob)
        raise CopyError(
            f"{wanted.path} {problem}",
            hint="see whether the source changed; correct `sha256` and `size`, or the source",
        )

    def _fetch(self, wanted: Wanted, etag: str | None) -> Copied:
        """By the service itself where it can, else through this machine; not verified yet."""
        reason, remote = "", wanted.remote
        if remote is not None and self._storage.fetches:
            try:
                return Copied(self._offer(remote.url).take(lambda: self._by_service(wanted.path, remote, etag)))
            except CopyNotOfferedError as error:
                reason = str(error)
                log.warning("%s passes through this machine: %s", wanted.path, reason)
        if remote is not None and etag is None and self._storage.stat(wanted.path):
            raise BlobExistsError(f"create {wanted.path}: something stands there")  # seen before its source is read
        is_small = wanted.size is not None and wanted.size <= _SMALL
        room: AbstractContextManager[object] = nullcontext() if is_small else self._streams
        with room:
            if etag is not None:
                return Copied(self._storage.replace(wanted.path, wanted.stream(), etag=etag), reason)
            return Copied(self._storage.create(wanted.path, wanted.stream()), reason)

    def _by_service(self, path: str, remote: Remote, etag: str | None) -> Blob:
        try:
            return self._storage.copy(path, remote.locate(look=False), etag=etag)
        except CopyNotOfferedError:
            remote.locate(look=True)  # a source that cannot be read from here either says nothing of the service
            raise

    def _offer(self, url: str) -> Offer:
        """Whether the service fetches from the host of this URL."""
        with self._asking:
            return self._offers.setdefault(urlsplit(url).netloc.lower(), Offer(CopyNotOfferedError))


def _noted(chunks: Iterator[bytes], head: bytearray, most: int) -> Iterator[bytes]:
    """The same chunks; of the first `most` bytes there is a note in `head`."""
    for chunk in chunks:
        if len(head) < most:
            head += chunk[: most - len(head)]
        yield chunk


def _problem(wanted: Wanted, sha256: str, size: int) -> str | None:
    if wanted.size is not None and size != wanted.size:
        return f"has {size:,} bytes, and the descriptor says {wanted.size:,}"
    if wanted.sha256 is not None and sha256 != wanted.sha256:
        return f"has sha256 {sha256}, and the descriptor says {wanted.sha256}"
    return None
