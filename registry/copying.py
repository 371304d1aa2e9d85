"""Copy and verify the files of one version: what stands under its name in private storage is what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from registry.digests import digest_of
from registry.errors import BlobExistsError, CopyError, CopyNotOfferedError
from registry.storage import Blob, Storage


@dataclass(frozen=True)
class Wanted:
    """One file that should stand at `path`, and where its bytes are."""

    path: str  # in private storage
    stream: Callable[[], Iterator[bytes]]
    url: str | None = None  # from which the storage service may copy itself, with its SAS; None for local files
    sha256: str | None = None  # None: not pinned; what was copied is recorded
    size: int | None = None


def copy_verified(storage: Storage, wanted: Wanted, *, replace: bool) -> Blob:
    """The blob at `wanted.path` with its digest verified and recorded: adopted where it stands, else copied.

    `replace` says that other content, verified earlier, may give way: that of an amended page file, or of a version
    that was never registered. Raises CopyError where the bytes are not those that were promised.
    """
    try:
        return _copied(storage, wanted, replace=replace)
    except BlobExistsError:  # somebody was faster; what stands there now is judged in the same way, once
        return _copied(storage, wanted, replace=replace)


def _copied(storage: Storage, wanted: Wanted, *, replace: bool) -> Blob:
    blob = storage.stat(wanted.path)
    if blob is not None and (adopted := _adopt(storage, blob, wanted, replace=replace)):
        return adopted
    if blob is not None and blob.sha256 is not None and not replace:
        raise CopyError(
            f"{wanted.path} holds other bytes than the descriptor names (sha256 {blob.sha256[:12]}…)",
            hint="a registered file never changes: add a new version",
        )
    return _verify(storage, _copy(storage, wanted, blob), wanted)


def _adopt(storage: Storage, blob: Blob, wanted: Wanted, *, replace: bool) -> Blob | None:
    """The blob that stands there if it is what is wanted; its digest is taken where none is recorded."""
    if wanted.sha256 is None:  # nothing says what it should be: kept once registered, copied anew before
        return blob if blob.sha256 is not None and not replace else None
    if blob.sha256 is not None:
        return blob if blob.sha256 == wanted.sha256 else None
    if blob.size != wanted.size:
        return None
    sha256, _ = digest_of(storage.read(blob.path))
    return storage.record_digest(blob, sha256) if sha256 == wanted.sha256 else None


def _copy(storage: Storage, wanted: Wanted, present: Blob | None) -> Blob:
    etag = present.etag if present else None
    if wanted.url is not None:
        try:
            return storage.copy(wanted.path, wanted.url, size=wanted.size, etag=etag)
        except CopyNotOfferedError:
            pass  # the service cannot reach this source; the bytes pass through here
    if etag is not None:
        return storage.replace(wanted.path, wanted.stream(), etag=etag)
    return storage.create(wanted.path, wanted.stream())


def _verify(storage: Storage, blob: Blob, wanted: Wanted) -> Blob:
    """Read the copy once; a copy that is not what was promised is taken away."""
    sha256, size = digest_of(storage.read(blob.path))
    problem = _problem(wanted, sha256, size)
    if problem is None:
        return storage.record_digest(blob, sha256)
    storage.delete(blob)
    raise CopyError(
        f"{wanted.path} {problem}", hint="see whether the source changed; correct `sha256` and `size`, or the source"
    )


def _problem(wanted: Wanted, sha256: str, size: int) -> str | None:
    if wanted.size is not None and size != wanted.size:
        return f"has {size:,} bytes, and the descriptor says {wanted.size:,}"
    if wanted.sha256 is not None and sha256 != wanted.sha256:
        return f"has sha256 {sha256}, and the descriptor says {wanted.sha256}"
    return None
