"""Gather what a diff compares: what differs between two commits, and what came before each new version."""

from __future__ import annotations

from registry.diff import Change, make_diff
from registry.repository import Repository


def load_changes(repository: Repository, models: str, base: str, head: str) -> list[Change]:
    """What differs for a reader of the models between two commits."""
    touched = set(repository.difference(base, head, models))
    before = repository.snapshot(base, models, touched)
    new = {model.name for model in touched - set(before.versions)}
    siblings = set(repository.names(head, models, new))
    after = repository.snapshot(head, models, touched | siblings)
    return [change for change in make_diff(before, after) if change.model in touched]
