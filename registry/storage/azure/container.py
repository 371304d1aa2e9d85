"""Private storage as one container of an Azure account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import chain
from threading import Lock
from types import TracebackType

from registry.errors import BlobChangedError, BlobExistsError, BlobMissingError, StorageError
from registry.patience import Patience
from registry.storage.azure.address import parse_address
from registry.storage.azure.client import PATIENT, Client
from registry.storage.azure.copying import Copier, block_ids, commit_blocks, is_same_source
from registry.storage.azure.credentials import IdentityCredential, TokenCredential, make_credential
from registry.storage.azure.errors import ServiceError, translated
from registry.storage.azure.lease import hold
from registry.storage.azure.limits import Limits
from registry.storage.azure.link import Linker
from registry.storage.azure.listing import list_blobs
from registry.storage.azure.reading import load, read
from registry.storage.paths import check_path, is_listed
from registry.storage.protocol import Blob, Lease, Source

DIGEST = "x-ms-meta-registry_sha256"


class AzureContainer:
    """Storage over a container; by key, by SAS, or by an identity, in this order."""

    fetches = True

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        sas: str | None = None,
        credential: TokenCredential | None = None,
        limits: Limits | None = None,
        patience: Patience = PATIENT,
    ) -> None:
        address = parse_address(url)
        chosen = make_credential(address, key, sas, credential)
        self.bearer = partial(_bearer, chosen) if isinstance(chosen, IdentityCredential) else None
        self._limits = limits or Limits()
        self._client = Client(address, chosen, patience)
        self._copier = Copier(self._client, self._limits)
        self._linker = Linker(self._client)
        self._creating, self._exists = Lock(), False

    def __enter__(self) -> AzureContainer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._copier.close()
        self._client.close()

    @property
    def url(self) -> str:
        """The container's URL, without credentials."""
        return str(self._client.address)

    def stat(self, path: str) -> Blob | None:
        """The blob at `path`, or None."""
        with translated(f"look at {check_path(path)}"):
            found = self._head(path)
            return None if found is None else _blob(path, found)

    def settle(self, path: str, source: str | None) -> Blob | None:
        """As `stat`, once no copy is pending: one from `source` is waited for, any other aborted."""
        with translated(f"look at {check_path(path)}"):
            found = self._head(path)
            if found is not None and found.get("x-ms-copy-status") == "pending":
                if source is None or not is_same_source(found.get("x-ms-copy-source", ""), source):
                    self._copier.abort(path, found)
                found = self._copier.wait(path)
            return None if found is None else _blob(path, found)

    def load(self, path: str) -> tuple[Blob, bytes] | None:
        """A small file as a whole with the blob that it is, or None."""
        with translated(f"read {check_path(path)}"):
            try:
                reply = load(self._client, path, self._limits.chunk)
            except ServiceError as error:
                if error.is_missing:
                    return None
                raise
            return _blob(path, reply.headers)._replace(size=len(reply.content)), reply.content

    def read(self, path: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks; nothing beyond the end; BlobMissingError before the first chunk."""
        with translated(f"read {check_path(path)}"):
            try:
                yield from read(self._client, path, offset, length, self._limits.chunk)
            except ServiceError as error:
                if error.is_missing:
                    raise BlobMissingError(f"read {path}: it is not there") from None
                raise

    def create(self, path: str, chunks: Iterable[bytes]) -> Blob:
        """Store new bytes, all or nothing; BlobExistsError when something stands there."""
        return self._put(path, chunks, None)

    def replace(self, path: str, chunks: Iterable[bytes], *, etag: str) -> Blob:
        """Other bytes in the place of exactly the blob with this etag; else BlobChangedError."""
        return self._put(path, chunks, etag)

    def copy(self, path: str, source: Source, *, etag: str | None = None) -> Blob:
        """Let Azure fetch the source; CopyNotOfferedError when it cannot."""
        check_path(path)
        self._ensure()
        if source.size is not None and source.size > self._limits.one_copy:
            self._check(path, etag)
        copied = self._copier.copy(path, source, _conditions(etag), _unmet(etag))
        return Blob(path, source.size or 0, copied, None)

    def record_digest(self, blob: Blob, sha256: str) -> Blob:
        """The digest as metadata of exactly this blob; BlobChangedError when it is another."""
        with translated(f"record the digest of {check_path(blob.path)}"):
            headers = {DIGEST: sha256, **_conditions(blob.etag)}
            reply = self._client.send("PUT", blob.path, {"comp": "metadata"}, headers)
        return blob._replace(etag=reply.etag, sha256=sha256)

    def delete(self, blob: Blob) -> None:
        """Take exactly this blob away; BlobChangedError when it is another; no error when it is gone."""
        with translated(f"delete {check_path(blob.path)}"):
            try:
                self._client.send(
                    "DELETE", blob.path, headers={"x-ms-delete-snapshots": "include", **_conditions(blob.etag)}
                )
            except ServiceError as error:
                if not error.is_missing and (error.status != 412 or self._head(blob.path) is not None):
                    raise

    def list(self, prefix: str) -> Iterator[Blob]:
        """Every blob whose path starts with `prefix`, by path; `.registry/` only when named."""
        with translated(f"list {prefix or 'everything'}"):
            for path, headers in list_blobs(self._client, prefix):
                if is_listed(path, prefix) and not _is_folder(headers):
                    yield _blob(path, headers)

    def link(self, path: str, *, hours: int) -> str:
        """A URL with a read-only SAS for some hours, for https alone unless storage itself is http."""
        return self._linker.link(check_path(path), hours=hours)

    @contextmanager
    def lease(self, path: str, *, timeout: float) -> Iterator[Lease]:
        """Hold `path` by a lease of 60 s that is renewed; LockError with the holder after `timeout` s."""
        with hold(self._client, check_path(path), timeout, make_container=self._ensure) as held:
            self._exists = True  # where a lease is, a container is
            yield held

    def _head(self, path: str) -> Mapping[str, str] | None:
        found = self._client.head(path)
        return None if found is None or _is_folder(found) else found

    def _put(self, path: str, chunks: Iterable[bytes], etag: str | None) -> Blob:
        blocks = _blocks(chunks, self._limits.block)
        check_path(path)
        first, second = next(blocks, b""), next(blocks, None)
        self._ensure()
        with translated(f"write {path}", unmet=_unmet(etag)):
            if second is not None:
                return self._put_blocks(path, chain([first, second], blocks), etag)
            headers = {"x-ms-blob-type": "BlockBlob", **_conditions(etag)}
            return Blob(path, len(first), self._client.send("PUT", path, headers=headers, body=first).etag, None)

    def _put_blocks(self, path: str, blocks: Iterable[bytes], etag: str | None) -> Blob:
        self._check(path, etag)
        name, names, size = block_ids(), [], 0
        for number, block in enumerate(blocks):
            names.append(name(number))
            self._client.send("PUT", path, {"comp": "block", "blockid": names[-1]}, body=block)
            size += len(block)
        return Blob(path, size, commit_blocks(self._client, path, names, _conditions(etag)).etag, None)

    def _check(self, path: str, etag: str | None) -> None:
        """Conditions are judged at the commit: look first, to not move gigabytes in vain."""
        found = self.stat(path)
        if (found and found.etag) != etag:
            raise _unmet(etag)(f"write {path}: {'something stands there' if found else 'it is gone'}")

    def _ensure(self) -> None:
        """The container is made where it is missing and that is allowed; who may not ask goes on and sees."""
        with self._creating:
            if self._exists:
                return
            with translated(f"open {self.url}"):
                try:
                    self._client.send("HEAD", query={"restype": "container"})
                except ServiceError as error:
                    if error.is_missing:
                        self._create_container()
                    elif error.status != 403:
                        raise
            self._exists = True

    def _create_container(self) -> None:
        try:
            self._client.send("PUT", query={"restype": "container"})
        except ServiceError as error:
            if error.code != "ContainerAlreadyExists":
                raise


def _bearer(credential: IdentityCredential) -> str:
    with translated("ask for a token for a source"):
        return credential.bearer()


def _conditions(etag: str | None) -> dict[str, str]:
    return {"If-None-Match": "*"} if etag is None else {"If-Match": f'"{etag}"'}


def _unmet(etag: str | None) -> type[StorageError]:
    return BlobExistsError if etag is None else BlobChangedError


def _is_folder(headers: Mapping[str, str]) -> bool:
    """Accounts with a hierarchical namespace show their folders as blobs."""
    return headers.get("x-ms-meta-hdi_isfolder") == "true"


def _blob(path: str, headers: Mapping[str, str]) -> Blob:
    digest = headers.get(DIGEST, "")
    known = digest if re.fullmatch("[0-9a-f]{64}", digest) else None
    return Blob(path, int(headers.get("Content-Length", 0)), headers.get("ETag", "").strip('"'), known)


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
