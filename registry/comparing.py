"""Gather what a diff compares: what differs between two commits, and what came before each new version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from registry.diff import Change, TextChange, make_diff, predecessors
from registry.identity import ModelId
from registry.repository import Repository
from registry.snapshot import Snapshot, Version
from registry.tree import DESCRIPTOR, MAX_BYTES, SUBMODULE, SYMLINK, TreeFile

_LONGEST_PAGE = 1024 * 1024  # bytes: what an index page may have


class Sides(NamedTuple):
    """The versions that differ as two commits hold them; `head` also holds what new versions are compared with."""

    base: Snapshot
    head: Snapshot
    commits: tuple[str, str]
    touched: frozenset[ModelId]


class _Pair(NamedTuple):
    """A text as both sides hold it."""

    name: str
    before: TreeFile | None
    after: TreeFile | None


def load_changes(repository: Repository, models: str, base: str, head: str) -> list[Change]:
    """What differs for a reader of the models between two commits, with the texts that are shown line by line."""
    sides = load_sides(repository, models, base, head, repository.difference(base, head, models))
    return add_texts(repository, sides, compare(repository, sides))


def load_sides(repository: Repository, models: str, base: str, head: str, versions: Iterable[ModelId]) -> Sides:
    """Versions that differ between two commits, and what came before each new one; nothing else is read."""
    touched = frozenset(versions)
    before = repository.snapshot(base, models, touched)
    after = repository.snapshot(head, models, touched)
    new = {model: version for model, version in after.versions.items() if model not in before.versions}
    names = repository.names(head, models, {model.name for model in new})
    former = predecessors({model: version.text("parent") for model, version in new.items()}, names)
    wanted = {model for model in former.values() if model is not None} - after.versions.keys()
    others = repository.snapshot(head, models, wanted).versions if wanted else {}
    return Sides(before, Snapshot(models, {**after.versions, **others}), (base, head), touched)


def compare(repository: Repository, sides: Sides) -> list[Change]:
    """What differs, in fields and files."""
    changes = make_diff(sides.base, sides.head, _digests(repository, sides))
    return [change for change in changes if change.model in sides.touched]


def add_texts(repository: Repository, sides: Sides, changes: Iterable[Change]) -> list[Change]:
    """The same changes with the texts that are shown line by line."""
    changes = list(changes)
    pairs = {change.model: list(_pairs(repository, change, sides)) for change in changes}
    before = _read(repository, (pair.before for found in pairs.values() for pair in found))
    after = _read(repository, (pair.after for found in pairs.values() for pair in found))
    return [replace(c, texts=tuple(_texts(pairs[c.model], before, after))) for c in changes]


def _digests(repository: Repository, sides: Sides) -> dict[str, str]:
    """The sha256 of files in git whose target the other side knows by a pin alone, by git's ids."""
    snapshots = (sides.base, sides.head)
    versions = [version for snapshot in snapshots for version in snapshot.versions.values()]
    pinned = {(v.id.name, target) for v in versions for target in v.sources.keys() - v.locals.keys()}
    known: dict[str, str] = {}
    for snapshot in snapshots if pinned else ():
        wanted = [
            file
            for version in snapshot.versions.values()
            for target, local in version.locals.items()
            if (version.id.name, target) in pinned and (file := version.files.get(local))
        ]
        taken = repository.digests(wanted)
        known |= {file.oid: taken[file.path].sha256 for file in wanted}
    return known


def _pairs(repository: Repository, change: Change, sides: Sides) -> Iterator[_Pair]:
    before, after = _before(change, sides), sides.head.versions.get(change.model)
    if change.unreadable:
        known = change.model if change.model in sides.base.versions else None
        yield _Pair(
            DESCRIPTOR,
            _descriptor(repository, sides.commits[0], known, sides.base.models),
            _descriptor(repository, sides.commits[1], change.model, sides.base.models),
        )
        return
    one, other = _index_page(before), _index_page(after)
    if other is not None and (one is None or one[1].oid != other[1].oid):
        yield _Pair(other[0], one[1] if one else None, other[1])


def _before(change: Change, sides: Sides) -> Version | None:
    if change.compared_with is None:
        return None
    sought = ((sides.base, change.model), (sides.head, change.compared_with), (sides.base, change.compared_with))
    places = (snapshot.versions.get(model) for snapshot, model in sought)
    return next((version for version in places if version and version.descriptor), None)


def _index_page(version: Version | None) -> tuple[str, TreeFile] | None:
    """The target and the file of the index page, where it lies in git and is one."""
    if version is None or version.descriptor is None:
        return None
    target = version.descriptor.model_metainfo.index_page_file
    file = version.files.get(version.locals.get(target, ""))
    is_text = file is not None and file.mode not in (SYMLINK, SUBMODULE) and file.size <= _LONGEST_PAGE
    return (target, file) if file and is_text else None


def _descriptor(repository: Repository, commit: str, model: ModelId | None, models: str) -> TreeFile | None:
    files = repository.files(commit, models, {model}) if model else ()
    found = (f for f in files if f.path.endswith(f"/{DESCRIPTOR}") and f.mode not in (SYMLINK, SUBMODULE))
    return next((file for file in found if file.size <= MAX_BYTES), None)


def _read(repository: Repository, files: Iterable[TreeFile | None]) -> Mapping[str, bytes]:
    return repository.contents([file for file in files if file is not None])


def _texts(pairs: Iterable[_Pair], before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[TextChange]:
    for name, old, new in pairs:
        one = before[old.path].decode("utf-8", "replace") if old else ""
        other = after[new.path].decode("utf-8", "replace") if new else ""
        yield TextChange(name, one, other)
