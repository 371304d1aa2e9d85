"""Gather what validation judges: a commit or the working tree, all of it or what differs from a base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from registry.checks.immutability import check_against_base
from registry.desired import load_requests
from registry.errors import UsageError
from registry.evidence import load_facts
from registry.finding import Finding
from registry.identity import ModelId, folder_of, model_of
from registry.repository import Repository
from registry.snapshot import Snapshot


class Case(NamedTuple):
    """What is judged, and the names of all versions beside it."""

    snapshot: Snapshot
    names: Sequence[ModelId]


def load_case(
    repository: Repository, models: str, *, base: str | None, head: str | None, paths: Iterable[str] = ()
) -> Case:
    """The versions of `head` (None: the working tree), only those that differ from `base` where there is one."""
    names = repository.working_names(models) if head is None else repository.names(head, models)
    only = _only(repository, models, names, base, head)
    folders = list(_folders(repository, models, paths))
    if folders:
        only = [m for m in (names if only is None else only) if _is_in(folder_of(m, models), folders)]
    if head is None:
        return Case(load_facts(repository, repository.working_snapshot(models, only)), names)
    return Case(load_facts(repository, repository.snapshot(head, models, only)), names)


def load_broken_promises(repository: Repository, case: Case, base: str) -> list[Finding]:
    """What the versions of a case change although the base has them, and so they count as registered."""
    before = repository.snapshot(base, case.snapshot.models, list(case.snapshot.versions)).versions
    registered = load_requests(repository, before.values())
    wanted = load_requests(repository, case.snapshot.versions.values())
    return [
        finding
        for model, version in case.snapshot.versions.items()
        if model in before
        for finding in check_against_base(version, before[model], registered.get(model), wanted.get(model))
    ]


def _only(
    repository: Repository, models: str, names: Sequence[ModelId], base: str | None, head: str | None
) -> list[ModelId] | None:
    if base is None:
        return None
    touched = repository.difference(base, head, models) if head else repository.working_difference(base, models)
    return sorted(touched & set(names))


def _folders(repository: Repository, models: str, paths: Iterable[str]) -> Iterable[str]:
    """Folders of the repository: that of the version for a path inside one."""
    for path in paths:
        place = Path(path).resolve()
        if not place.exists() or not place.is_relative_to(repository.root.resolve()):
            raise UsageError(f"`{path}` is not in this repository", hint=f"name a folder under `{models}/`")
        relative = place.relative_to(repository.root.resolve()).as_posix()
        model = model_of(f"{relative}/", models)
        yield folder_of(model, models) if model else relative


def _is_in(folder: str, folders: Iterable[str]) -> bool:
    return any(f in (".", folder) or folder.startswith(f"{f}/") for f in folders)
