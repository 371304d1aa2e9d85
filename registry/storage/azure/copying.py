"""Copies that the service makes itself, with metadata of their own: which call, by size and by what is offered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

from registry.errors import CopyNotOfferedError, SourceError, StorageError
from registry.storage.azure.client import Client, Reply
from registry.storage.azure.errors import ServiceError, translated, translated_copy
from registry.storage.azure.limits import Limits
from registry.storage.offer import Offer
from registry.storage.protocol import Source

# Without one pair of its own a copy inherits the source's metadata, a digest written there included.
OWN_METADATA = {"x-ms-meta-registry_copied": "1"}
PATIENCE = 180.0  # seconds for one call that moves up to 256 MiB between regions
POLL = 1.0  # seconds between two looks at a pending copy
_SMALL = 1024 * 1024  # bytes, for which it is not worth a request to learn more of the source
_NOTHING: Mapping[str, str] = {}
_Call = Callable[[str, Source, Mapping[str, str]], str]

log = logging.getLogger(__name__)


class NotOfferedError(Exception):
    """The service does not know this call."""


class Copier:
    """One service's ways to copy; what it does not offer is found out once, by the first file."""

    def __init__(self, client: Client, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self._put_from_url, self._copy_blob = Offer(NotOfferedError), Offer(NotOfferedError)
        self._workers = ThreadPoolExecutor(limits.copies_at_once, "blocks")

    def close(self) -> None:
        """Let the workers go."""
        self._workers.shutdown(cancel_futures=True)

    def copy(self, path: str, source: Source, conditions: Mapping[str, str], unmet: type[StorageError]) -> str:
        """The etag of the copy."""
        what = f"copy to {path}"
        with translated_copy(what, unmet=unmet):
            if etag := self._copy_in_one(path, source, conditions):
                return etag
            source = _looked_at(source)
            if source.size is None:
                raise CopyNotOfferedError("storage copies this source in blocks, and its size is not known")
            names = self._stage(path, source, source.size)
        with translated(what, unmet=unmet):
            return commit_blocks(self._client, path, names, conditions).etag

    def wait(self, path: str) -> Mapping[str, str] | None:
        """A blob's headers when no copy to it is pending; one that takes too long is aborted. None: it is gone."""
        deadline = time.monotonic() + self._limits.pending
        while True:
            found = self._client.head(path)
            if found is None or found.get("x-ms-copy-status") != "pending":
                return found
            if time.monotonic() > deadline:
                self.abort(path, found)
            time.sleep(POLL)

    def abort(self, path: str, found: Mapping[str, str]) -> None:
        """End a pending copy, which leaves a blob of zero bytes; no error when it ended by itself."""
        try:
            query = {"comp": "copy", "copyid": found.get("x-ms-copy-id", "")}
            self._client.send("PUT", path, query, {"x-ms-copy-action": "abort"})
        except ServiceError as error:
            if error.code != "NoPendingCopyOperation":
                raise

    def _copy_in_one(self, path: str, source: Source, conditions: Mapping[str, str]) -> str | None:
        """By the best single call that is offered and suits the source; None where there is none."""
        if source.size is not None and source.size > self._limits.one_copy:
            return None
        with suppress(NotOfferedError):
            return self._put_from_url.take(lambda: _known(self._put_blob_from_url, path, source, conditions))
        if source.is_public:  # Copy Blob shows its whole source to every reader of the copy
            with suppress(NotOfferedError):
                return self._copy_blob.take(lambda: _known(self._copy_blob_from_url, path, source, conditions))
        return None

    def _put_blob_from_url(self, path: str, source: Source, conditions: Mapping[str, str]) -> str:
        """Put Blob From URL: one call, up to 5,000 MiB; nothing of the source stays with the copy."""
        headers = {**_origin(source), **conditions, **OWN_METADATA, "x-ms-blob-type": "BlockBlob"}
        return self._send(path, headers | {"x-ms-copy-source-blob-properties": "false"}).etag

    def _copy_blob_from_url(self, path: str, source: Source, conditions: Mapping[str, str]) -> str:
        """Copy Blob From URL, up to 256 MiB; what is larger than was known is copied in the background."""
        headers = {**_origin(source), **conditions, **OWN_METADATA}
        try:
            done = self._send(path, headers | {"x-ms-requires-sync": "true"})
        except ServiceError as error:
            if error.code != "CopySourceTooLarge" and error.status != 413:
                raise
            done = self._send(path, headers)
        if done.headers.get("x-ms-copy-status") != "pending":
            return done.etag
        return self._finished(path)

    def _finished(self, path: str) -> str:
        found = self.wait(path)
        status = found.get("x-ms-copy-status") if found else "taken away"
        if found and status == "success":
            return found["ETag"].strip('"')
        if found:  # a copy that failed leaves a blob of zero bytes under the name
            self._client.send("DELETE", path, headers={"If-Match": found["ETag"]})
        raise CopyNotOfferedError(f"the copy that storage made ended as {status}")

    def _stage(self, path: str, source: Source, size: int) -> list[str]:
        """Put Block From URL in parallel: the names of the blocks, of which nothing is seen before they are listed."""
        name, step = block_ids(), self._limits.copied_block
        starts = range(0, size, step)

        def stage(start: int, md5: str | None = None) -> str:
            block, last = name(start // step), min(start + step, size) - 1
            headers = _origin(source) | {"x-ms-source-range": f"bytes={start}-{last}"}
            if md5 is not None:
                headers["x-ms-source-content-md5"] = md5
            self._send(path, headers, {"comp": "block", "blockid": block})
            return block

        if len(starts) < 2:
            return [_checked(stage, start, source.md5) for start in starts]
        futures = [self._workers.submit(stage, start) for start in starts]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

    def _send(self, path: str, headers: Mapping[str, str], query: Mapping[str, str] = _NOTHING) -> Reply:
        return self._client.send("PUT", path, query, headers, patience=PATIENCE)


def _looked_at(source: Source) -> Source:
    """What the source says of itself, where there is much to copy: its etag, and what the service can check.

    One that does not answer here may answer the service.
    """
    if source.look is None or (source.size is not None and source.size <= _SMALL):
        return source
    try:
        found = source.look()
    except SourceError as error:
        log.debug("%s", error)
        return source
    return source if found.size is None else found


def _checked(stage: Callable[[int, str | None], str], start: int, md5: str | None) -> str:
    """The name of the only block, which the service has compared with the MD5 that the source has recorded."""
    try:
        return stage(start, md5)
    except ServiceError as error:
        if error.code != "Md5Mismatch":
            raise
        # Whoever stored the source said something wrong: the copy is read, and judged where there is a pin.
        log.warning("the MD5 that a source has recorded is not that of its bytes, and was left out")
        return stage(start, None)


def _known(call: _Call, path: str, source: Source, conditions: Mapping[str, str]) -> str:
    """What the call gives; NotOfferedError where the service, or this kind of account, does not know it at all."""
    try:
        return call(path, source, conditions)
    except ServiceError as error:
        if error.status in (405, 501) or error.code.startswith(("Unsupported", "FeatureNotYetSupported")):
            raise NotOfferedError(error.code) from None
        raise


def block_ids() -> Callable[[int], str]:
    """Names for one writer's blocks: base64, all of one length, as the service wants, and nobody else's."""
    writer = uuid4().hex
    return lambda number: f"{writer}{number:08d}"


def commit_blocks(client: Client, path: str, names: Iterable[str], headers: Mapping[str, str]) -> Reply:
    """Put Block List: the blocks become the blob."""
    listed = "".join(f"<Uncommitted>{name}</Uncommitted>" for name in names)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    return client.send("PUT", path, {"comp": "blocklist"}, {**headers, "Content-Type": "application/xml"}, body)


def is_same_source(one: str, other: str) -> bool:
    """Whether two URLs name one file; what signs them does not count."""
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.netloc.lower(), a.path) == (b.scheme, b.netloc.lower(), b.path)


def _origin(source: Source) -> dict[str, str]:
    headers = {"x-ms-copy-source": source.url}
    if source.etag is not None:
        headers["x-ms-source-if-match"] = source.etag
    if source.authorization is not None:
        headers["x-ms-copy-source-authorization"] = source.authorization
    return headers
