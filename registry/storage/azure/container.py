"""Private storage as one container of an Azure account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from itertools import chain
from threading import Lock
from types import TracebackType
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, BlobProperties

from registry.errors import BlobChangedError, BlobExistsError, BlobMissingError, CopyNotOfferedError, StorageError
from registry.storage.azure.client import Limits, connect, make_credential, parse_address
from registry.storage.azure.copying import block_ids, copy_blocks, copy_whole
from registry.storage.azure.errors import translated
from registry.storage.azure.lease import hold
from registry.storage.azure.link import Linker
from registry.storage.paths import check_path, is_listed
from registry.storage.protocol import Blob, Lease

DIGEST = "registry_sha256"


class AzureContainer:
    """Storage over a container; by key, by SAS, or by an identity, in this order."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        sas: str | None = None,
        credential: TokenCredential | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._address = parse_address(url)
        self._limits = limits or Limits()
        chosen = credential or make_credential(self._address, key, sas)
        self._container = connect(self._address, chosen, self._limits)
        self._linker = Linker(self._address, chosen)
        self._creating = Lock()

    def __enter__(self) -> AzureContainer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._container.close()
        self._linker.close()

    @property
    def url(self) -> str:
        """The container's URL, without credentials."""
        return str(self._address)

    def stat(self, path: str) -> Blob | None:
        """The blob at `path`, or None."""
        blob = self._blob(path)
        with translated(f"look at {path}"):
            try:
                found = blob.get_blob_properties()
                return None if _is_folder(found) else _blob(found)
            except ResourceNotFoundError:
                return None

    def read(self, path: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks; nothing beyond the end; BlobMissingError before the first chunk."""
        blob = self._blob(path)
        if length == 0 and self.stat(path):
            return
        with translated(f"read {path}"):
            try:
                # A range that starts at 0 is refused for an empty blob; the SDK knows what to do without one.
                start = offset if offset or length is not None else None
                yield from blob.download_blob(start, length).chunks()
            except ResourceNotFoundError:
                raise BlobMissingError(f"read {path}: it is not there") from None
            except HttpResponseError as error:
                if error.status_code != 416:
                    raise

    def create(self, path: str, chunks: Iterable[bytes]) -> Blob:
        """Store new bytes, all or nothing; BlobExistsError when something stands there."""
        return self._put(path, chunks, None)

    def replace(self, path: str, chunks: Iterable[bytes], *, etag: str) -> Blob:
        """Other bytes in the place of exactly the blob with this etag; else BlobChangedError."""
        return self._put(path, chunks, etag)

    def copy(self, path: str, source: str, *, size: int | None, etag: str | None = None) -> Blob:
        """Let Azure fetch the source; CopyNotOfferedError when it cannot. `size` must be the source's own.

        Copy Blob keeps its whole source with the blob and shows it to each reader: a SAS goes into blocks alone.
        """
        self._ensure()
        blob, conditions, unmet = self._blob(path), _conditions(etag), _unmet(etag)
        is_signed = "?" in source
        if is_signed and size is None:
            raise CopyNotOfferedError(f"copy to {path}: the size of a source with a SAS must be known")
        if not is_signed and (size is None or size <= self._limits.one_copy):
            copy_whole(blob, source, conditions, unmet)
        else:
            assert size is not None  # noqa: S101 - looked at above
            self._check(path, etag)
            copy_blocks(blob, source, size, self._limits, conditions, unmet)
        found = self.stat(path)
        if found is None:
            raise BlobChangedError(f"copy to {path}: it was taken away at once")
        return found

    def record_digest(self, blob: Blob, sha256: str) -> Blob:
        """The digest as metadata of exactly this blob; BlobChangedError when it is another."""
        with translated(f"record the digest of {blob.path}"):
            answer = self._blob(blob.path).set_blob_metadata({DIGEST: sha256}, **_conditions(blob.etag))
        return blob._replace(etag=_etag(answer), sha256=sha256)

    def delete(self, blob: Blob) -> None:
        """Take exactly this blob away; BlobChangedError when it is another; no error when it is gone."""
        with translated(f"delete {blob.path}"), suppress(ResourceNotFoundError):
            try:
                self._blob(blob.path).delete_blob("include", **_conditions(blob.etag))
            except ResourceModifiedError:
                if self.stat(blob.path):
                    raise

    def list(self, prefix: str) -> Iterator[Blob]:
        """Every blob whose path starts with `prefix`, by path; `.registry/` only when named."""
        with translated(f"list {prefix or 'everything'}"), suppress(ResourceNotFoundError):
            for found in self._container.list_blobs(prefix or None, ["metadata"]):
                if is_listed(found.name, prefix) and not _is_folder(found):
                    yield _blob(found)

    def link(self, path: str, *, hours: int) -> str:
        """A URL with a read-only SAS for some hours, for https alone unless storage itself is http."""
        return self._linker.link(check_path(path), hours=hours)

    def lease(self, path: str, *, timeout: float) -> AbstractContextManager[Lease]:
        """Hold `path` by a lease of 60 s that is renewed; LockError with the holder after `timeout` s."""
        self._ensure()
        return hold(self._blob(path), timeout)

    def _put(self, path: str, chunks: Iterable[bytes], etag: str | None) -> Blob:
        blocks = _blocks(chunks, self._limits.block)
        first, second = next(blocks, b""), next(blocks, None)
        self._ensure()
        blob = self._blob(path)
        with translated(f"write {path}", unmet=_unmet(etag)):
            if second is None:
                answer = blob.upload_blob(first, length=len(first), overwrite=True, **_conditions(etag))
                return Blob(path, len(first), _etag(answer), None)
            return self._put_blocks(blob, chain([first, second], blocks), etag)

    def _put_blocks(self, blob: BlobClient, blocks: Iterable[bytes], etag: str | None) -> Blob:
        self._check(blob.blob_name, etag)
        name, staged, size = block_ids(), [], 0
        for number, block in enumerate(blocks):
            blob.stage_block(name(number), block, len(block))
            staged.append(BlobBlock(name(number)))
            size += len(block)
        answer = blob.commit_block_list(staged, **_conditions(etag))
        return Blob(blob.blob_name, size, _etag(answer), None)

    def _check(self, path: str, etag: str | None) -> None:
        """Conditions are judged at the commit: look first, to not move gigabytes in vain."""
        found = self.stat(path)
        if (found and found.etag) != etag:
            raise _unmet(etag)(f"write {path}: {'something stands there' if found else 'it is gone'}")

    def _blob(self, path: str) -> BlobClient:
        return self._container.get_blob_client(check_path(path))

    def _ensure(self) -> None:
        with self._creating:
            _ = self._exists

    @cached_property
    def _exists(self) -> bool:
        """The container is made where it is missing and that is allowed; who may not ask goes on and sees."""
        with translated(f"open {self.url}"):
            try:
                self._container.get_container_properties()
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):
                    self._container.create_container()
            except HttpResponseError as error:
                if error.status_code != 403:
                    raise
        return True


def _conditions(etag: str | None) -> dict[str, Any]:
    if etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def _unmet(etag: str | None) -> type[StorageError]:
    return BlobExistsError if etag is None else BlobChangedError


def _etag(answer: Any) -> str:
    """One spelling: headers have quotes, listings have none."""
    return str(answer["etag"]).strip('"')


def _is_folder(found: BlobProperties) -> bool:
    """Accounts with a hierarchical namespace show their folders as blobs."""
    return (found.metadata or {}).get("hdi_isfolder") == "true"


def _blob(found: BlobProperties) -> Blob:
    digest = (found.metadata or {}).get(DIGEST, "")
    return Blob(found.name, found.size, _etag(found), digest if re.fullmatch("[0-9a-f]{64}", digest) else None)


def _blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of exactly `size`, the last one shorter; no empty ones."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
