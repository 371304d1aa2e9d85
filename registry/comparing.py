"""Gather what a diff compares: what differs between two commits, and what came before each new version."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from registry.diff import Change, make_diff, predecessors
from registry.identity import ModelId
from registry.repository import Repository


def load_changes(
    repository: Repository, models: str, base: str, head: str, touched: Set[ModelId] | None = None
) -> list[Change]:
    """What differs for a reader of the models between two commits: in the versions `touched` where that is known."""
    touched = set(repository.difference(base, head, models)) if touched is None else touched
    before, after = repository.snapshot(base, models, touched), repository.snapshot(head, models, touched)
    new = {model: version.descriptor for model, version in after.versions.items() if model not in before.versions}
    names = repository.names(head, models, {model.name for model in new})
    former = predecessors({model: found.parent if found else None for model, found in new.items()}, names)
    others = repository.snapshot(head, models, set(filter(None, former.values())) - touched)
    after = replace(after, versions={**others.versions, **after.versions})
    return [change for change in make_diff(before, after) if change.model in touched]
