"""Versions as the requests that would register them, with the digests of their local files taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.digests import Digest
from registry.identity import ModelId
from registry.repository import Repository
from registry.snapshot import Version
from registry.tree import SUBMODULE, SYMLINK
from registry.wire import Json, make_request, without_query


def load_requests(repository: Repository, versions: Iterable[Version]) -> Mapping[ModelId, Json]:
    """The comparable request of each version that has a readable descriptor and lacks no file."""
    whole = [version for version in versions if version.descriptor is not None and not _lacking(version)]
    digests = repository.digests(v.files[local] for v in whole for _, local in _locals(v))
    return {version.id: _request(version, digests) for version in whole}


def _request(version: Version, digests: Mapping[str, Digest]) -> Json:
    assert version.descriptor is not None  # noqa: S101 - the caller has looked
    files = {target: _file(version, target, digests) for target in sorted(version.descriptor.model_files)}
    return make_request(version.descriptor, files)


def _file(version: Version, target: str, digests: Mapping[str, Digest]) -> Json:
    assert version.descriptor is not None  # noqa: S101 - the caller has looked
    file = version.descriptor.model_files[target]
    if file.local is not None:
        sha256, size = digests[version.files[file.local].path]
        return {"sha256": sha256, "size": size}
    known = {key: pin for key, pin in (("sha256", file.sha256), ("size", file.size)) if pin is not None}
    return known if file.sha256 else known | {"url": without_query(file.source)}


def _locals(version: Version) -> list[tuple[str, str]]:
    files = version.descriptor.model_files.items() if version.descriptor else ()
    return [(target, file.local) for target, file in files if file.local is not None]


def _lacking(version: Version) -> bool:
    files = (version.files.get(local) for _, local in _locals(version))
    return any(file is None or file.mode in (SYMLINK, SUBMODULE) for file in files)  # what is no file is not followed
