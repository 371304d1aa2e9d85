"""Judge a change: what it does to what the base holds, and what a maintainer should look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from registry.checks.immutability import check_against_base, check_gone
from registry.checks.review import Past, check_change
from registry.desired import load_requests
from registry.diff import kept, predecessors
from registry.finding import Finding
from registry.identity import ModelId
from registry.naming import load_descriptors
from registry.repository import Repository
from registry.snapshot import Snapshot, Version


class Broken(NamedTuple):
    """A version that does not keep what it would have to if what the base holds of it was registered."""

    model: ModelId
    is_public: bool  # in the base
    findings: list[Finding]


class Changes(NamedTuple):
    """What deserves a look in changed versions, what they do not keep, and new ones by what they would keep."""

    findings: list[Finding]
    broken: list[Broken]
    added: Mapping[str, ModelId]


def judge_changes(repository: Repository, snapshot: Snapshot, before: Mapping[ModelId, Version], base: str) -> Changes:
    """The versions of a snapshot beside those of the base, which count as registered."""
    registered = load_requests(repository, before.values())
    wanted = load_requests(repository, snapshot.versions.values())
    pasts = _load_pasts(repository, snapshot, before, base)
    looks = [finding for model, version in snapshot.versions.items() for finding in check_change(version, pasts[model])]
    held = (
        (old, check_against_base(snapshot.versions[model], old, registered.get(model), wanted.get(model)))
        for model, old in before.items()
    )
    added = {kept(request): model for model, request in wanted.items() if model not in before}
    return Changes(looks, list(_broken(held)), added)


def judge_gone(repository: Repository, gone: Snapshot, added: Mapping[str, ModelId]) -> list[Broken]:
    """The versions of the base that have no folder any more; `added` are new ones by what they would keep."""
    registered = load_requests(repository, gone.versions.values())
    held = ((old, check_gone(old, registered.get(old.id), added, gone.models)) for old in gone.versions.values())
    return list(_broken(held))


def _broken(held: Iterable[tuple[Version, Iterable[Finding]]]) -> Iterator[Broken]:
    for base, found in held:
        if findings := list(found):
            is_public = base.descriptor is not None and not base.descriptor.configuration.private
            yield Broken(base.id, is_public, findings)


def _load_pasts(
    repository: Repository, snapshot: Snapshot, before: Mapping[ModelId, Version], base: str
) -> dict[ModelId, Past]:
    """What each version is compared with: itself in the base, or what came before a new one."""
    added = [version for model, version in snapshot.versions.items() if model not in before]
    names = repository.names(base, snapshot.models, {version.id.name for version in added}) if added else []
    known = {*names, *snapshot.versions}
    former = predecessors({version.id: version.text("parent") for version in added}, known)
    wanted = {model for model in former.values() if model is not None and model not in snapshot.versions}
    others = {**load_descriptors(repository, base, snapshot.models, wanted), **snapshot.versions}
    old = {name for name, _ in names}
    pasts = {model: Past(base=version) for model, version in before.items()}
    for model, other in former.items():
        is_new_model = other is None and model.name not in old
        pasts[model] = Past(predecessor=others.get(other) if other else None, is_new_model=is_new_model)
    return pasts
