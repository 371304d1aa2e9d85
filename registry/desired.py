"""A version as the request that would register it, with the digests of its local files taken."""

from __future__ import annotations

from registry.copying import digest_of
from registry.repository import Repository
from registry.snapshot import Version
from registry.wire import Json, make_request, without_query


def load_request(repository: Repository, version: Version) -> Json | None:
    """The comparable request of a version; None where it has no readable descriptor or lacks a file."""
    if version.descriptor is None:
        return None
    files = {target: _file(repository, version, target) for target in sorted(version.descriptor.model_files)}
    known = {target: file for target, file in files.items() if file is not None}
    return make_request(version.descriptor, known) if len(known) == len(files) else None


def _file(repository: Repository, version: Version, target: str) -> Json | None:
    assert version.descriptor is not None  # noqa: S101 - the caller has looked
    file = version.descriptor.model_files[target]
    if file.local is not None:
        if file.local not in version.files:
            return None
        sha256, size = digest_of(repository.bytes_of(version.files[file.local]))
        return {"sha256": sha256, "size": size}
    pins = {"sha256": file.sha256, "size": file.size}
    known = {key: pin for key, pin in pins.items() if pin is not None}
    return known if file.sha256 else known | {"url": without_query(file.source)}
