"""The one diff: what differs between two descriptions of a model, in the model's own terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from registry.identity import ModelId, version_order
from registry.snapshot import Snapshot, Version
from registry.wire import Json, digest, is_same, make_request, page_files, without_query


@dataclass(frozen=True)
class FieldChange:
    """One field, dotted; None stands for absent."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class FileChange:
    """One target; `before` and `after` say what the file is: `size`, and `sha256`, `oid` or `url`.

    Renamed: the same bytes under another name, `former`. Moved: the same bytes from another URL.
    """

    target: str
    kind: Literal["added", "removed", "changed", "renamed", "moved"]
    before: Json | None
    after: Json | None
    former: str | None = None


@dataclass(frozen=True)
class TextChange:
    """A text that a reader would want to see line by line: the index page, or a descriptor that cannot be read."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """What changed in one version, compared with `compared_with` (None: with nothing)."""

    model: ModelId
    kind: Literal["added", "changed", "removed"]
    compared_with: ModelId | None = None
    fields: tuple[FieldChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    unreadable: Literal["before", "after", "both"] | None = None  # which side cannot be read
    texts: tuple[TextChange, ...] = ()


def make_diff(base: Snapshot, head: Snapshot, digests: Mapping[str, str] | None = None) -> list[Change]:
    """What differs for a reader of the models; `head` also holds what new versions are compared with.

    `digests` are the sha256 of files in git by their ids, as far as they have to be compared with pins.
    """
    new = {model: version for model, version in head.versions.items() if model not in base.versions}
    former = predecessors({model: version.text("parent") for model, version in new.items()}, head.versions)
    gone = {model: version for model, version in base.versions.items() if model not in head.versions}
    former |= _renamed({model: new[model] for model, other in former.items() if other is None}, gone)
    look = _Look(base, head, former, digests or {})
    changes = [_change(model, look) for model in sorted({*base.versions, *head.versions}, key=_order)]
    return [change for change in changes if change is not None]


def predecessors(parents: Mapping[ModelId, str | None], known: Iterable[ModelId]) -> dict[ModelId, ModelId | None]:
    """What each new version is compared with: its parent where that is the same model, else the version before it."""
    rows: dict[str, list[ModelId]] = {}
    for model in sorted({*known}, key=_order):
        rows.setdefault(model.name, []).append(model)
    named = {str(model): model for row in rows.values() for model in row}
    return {
        model: _former(model, named.get(parent or ""), rows.get(model.name, [])) for model, parent in parents.items()
    }


def _former(model: ModelId, parent: ModelId | None, row: Sequence[ModelId]) -> ModelId | None:
    if parent is not None and parent.name == model.name and parent != model:
        return parent
    place = bisect_left(row, _order(model), key=_order)
    return row[place - 1] if place else None


def make_fields(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """The fields that differ between two requests, files left aside."""
    old, new = _flat(before), _flat(after)
    return tuple(
        FieldChange(field, old.get(field), new.get(field))
        for field in sorted({*old, *new})
        if not is_same(old.get(field), new.get(field))
    )


def make_files(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[FileChange, ...]:
    """The targets that differ between two requests."""
    return tuple(filter(None, (_file_change(t, before.get(t), after.get(t)) for t in sorted({*before, *after}))))


def trace_files(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[FileChange, ...]:
    """The targets that differ, and those whose bytes are the same under another name or from another URL."""
    changes = {change.target: change for change in make_files(before, after)}
    taken: dict[str | None, list[FileChange]] = {}
    for change in [change for change in changes.values() if change.kind == "removed"]:
        taken.setdefault(_bytes_of(change.before), []).append(change)
    for change in [change for change in changes.values() if change.kind == "added" and _bytes_of(change.after)]:
        if former := taken.get(_bytes_of(change.after)):
            gone = former.pop(0)
            del changes[gone.target]
            changes[change.target] = FileChange(change.target, "renamed", gone.before, change.after, gone.target)
    for target in before.keys() & after.keys() - changes.keys():
        if before[target].get("url") != after[target].get("url"):
            changes[target] = FileChange(target, "moved", before[target], after[target])
    return tuple(changes[target] for target in sorted(changes))


def refused(before: Json, after: Json) -> list[str]:
    """The fields and targets that differ although a registered version keeps them."""
    fields = [c.field for c in make_fields(before, after) if not _is_amendable(c.field)]
    pages_before, pages_after = page_files(before), page_files(after)
    files = [
        f"model_files.{c.target}"
        for c in make_files(before["model_files"], after["model_files"])
        if (c.before is not None and c.target not in pages_before)
        or (c.after is not None and c.target not in pages_after)
    ]
    return fields + files


def kept(request: Json) -> str:
    """What a registered version keeps, as one text: two versions of which it is equal differ in words and pages."""
    pages = page_files(request)
    fields = {field: value for field, value in _flat(request).items() if not _is_amendable(field)}
    files = {t: f.get("sha256") or f.get("url") for t, f in request["model_files"].items() if t not in pages}
    return digest({"fields": fields, "files": files})


def _is_amendable(field: str) -> bool:
    first, _, rest = field.partition(".")
    return first in {"model_metainfo", "license", "parent", "lifecycle"} or (first, rest) in {
        ("model_config", "description"),
        ("model_config", "private"),
    }


def _order(model: ModelId) -> tuple[object, ...]:
    return (model.name, version_order(model.version))


def _renamed(new: Mapping[ModelId, Version], gone: Mapping[ModelId, Version]) -> dict[ModelId, ModelId]:
    """For new versions those whose folders are gone, and whose files they have; a name is an identity all the same."""
    by_bytes = {files: model for model, version in gone.items() if (files := _bytes_in(version))}
    found = ((model, by_bytes.get(_bytes_in(version))) for model, version in new.items() if by_bytes)
    return {model: other for model, other in found if other is not None}


def _bytes_in(version: Version) -> frozenset[tuple[str, str | None]]:
    """The targets of a version with what tells their bytes."""
    return (
        frozenset((target, _bytes_of(file)) for target, file in _files(version, {}))
        if version.descriptor
        else frozenset()
    )


class _Look(NamedTuple):
    base: Snapshot
    head: Snapshot
    former: Mapping[ModelId, ModelId | None]
    digests: Mapping[str, str]

    def former_version(self, model: ModelId) -> Version | None:
        """What a new version is compared with: as the head has it, or where that cannot be read, as the base had it."""
        found, before = self.head.versions.get(model), self.base.versions.get(model)
        return found if found and (found.descriptor or before is None) else before


def _change(model: ModelId, look: _Look) -> Change | None:
    before, after = look.base.versions.get(model), look.head.versions.get(model)
    if before is None and after is not None:
        other = look.former[model]
        return _compared(look.former_version(other) if other else None, after, other, look.digests)
    if after is None:
        return Change(model, "removed", model)
    return _compared(before, after, model, look.digests)


def _compared(
    before: Version | None, after: Version, compared_with: ModelId | None, digests: Mapping[str, str]
) -> Change | None:
    kind: Literal["added", "changed"] = "changed" if compared_with == after.id else "added"
    if after.removal is not None:
        fields = _removal_fields(before, after)
        return Change(after.id, "removed", compared_with, fields) if fields or kind == "added" else None
    old, new = _request(before, digests), _request(after, digests)
    is_lost = before is not None and old is None and before.removal is None
    if new is None or is_lost:
        return Change(after.id, kind, compared_with, unreadable=_unreadable(is_lost, new is None))
    fields, files = _fields(before, old, new, kind), trace_files((old or {}).get("model_files", {}), new["model_files"])
    if kind == "changed" and not fields and not files:
        return None
    return Change(after.id, kind, compared_with, fields, files)


def _unreadable(is_lost: bool, is_broken: bool) -> Literal["before", "after", "both"]:  # noqa: FBT001 - two sides
    return "both" if is_lost and is_broken else "before" if is_lost else "after"


def _fields(before: Version | None, old: Json | None, new: Json, kind: str) -> tuple[FieldChange, ...]:
    """The fields that differ; who may see a new version, and whether to use it, are no matter of the one before."""
    if before is not None and before.removal is not None:
        old = {"lifecycle": {"state": "removed"}}
    elif old is not None and kind == "added":
        old = {**old, "model_config": {**old["model_config"], "private": True}, "lifecycle": {"state": "active"}}
    return make_fields(old or {}, new)


def _removal_fields(before: Version | None, after: Version) -> tuple[FieldChange, ...]:
    old = before.descriptor or before.removal if before else None
    new = after.removal
    assert new is not None  # noqa: S101 - the caller has looked
    return make_fields(
        {"lifecycle": old.lifecycle.model_dump(mode="json")} if old else {},
        {"lifecycle": new.lifecycle.model_dump(mode="json")},
    )


def _request(version: Version | None, digests: Mapping[str, str]) -> Json | None:
    """The version as a request whose local files are known by git's ids."""
    if version is None or version.descriptor is None:
        return None
    return make_request(version.descriptor, dict(_files(version, digests)))


def _files(version: Version, digests: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    assert version.descriptor is not None  # noqa: S101 - the caller has looked
    for target, file in version.descriptor.model_files.items():
        beside = version.files.get(file.local) if file.local else None
        if beside is not None:
            digest = {"sha256": digests[beside.oid]} if beside.oid in digests else {}
            yield target, {"oid": beside.oid, "size": beside.size, **digest}
        else:
            pin = {"sha256": file.sha256} if file.sha256 else {}
            yield target, {"url": without_query(file.source), "size": file.size, **pin}


def _file_change(target: str, before: Json | None, after: Json | None) -> FileChange | None:
    if before is None or after is None:
        return FileChange(target, "added" if before is None else "removed", before, after)
    return None if _is_same_file(before, after) else FileChange(target, "changed", before, after)


def _bytes_of(file: Json | None) -> str | None:
    """What tells whether two files are the same bytes; None where nothing does."""
    known = file or {}
    return known.get("sha256") or known.get("oid")


def _is_same_file(one: Json, other: Json) -> bool:
    """Files are the same by digest; by place only where a side has no digest."""
    for key in ("sha256", "oid", "url"):
        if one.get(key) is not None and other.get(key) is not None:
            return bool(one[key] == other[key])
    return False


def _flat(request: Json, prefix: str = "") -> dict[str, Any]:
    """Dotted field → value, without files; empty and absent are one, but not an argument without a value."""
    fields: dict[str, Any] = {}
    for key, value in request.items():
        if isinstance(value, dict) and not (prefix == "" and key == "model_files"):
            fields |= _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, dict) and (value not in (None, [], "") or prefix.endswith(".args.")):
            fields[prefix + key] = value
    return fields
