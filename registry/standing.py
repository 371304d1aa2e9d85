"""Where a run stands before it has looked at any version: after one read of the state it may be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import DivergedError
from registry.wire import WIRE_FORMAT

if TYPE_CHECKING:
    from registry.ledger import State
    from registry.repository import Repository


class Where(NamedTuple):
    """Which storage and endpoint are meant, before anybody has talked to the endpoint."""

    storage: str
    endpoint: str  # its URL, or `embedded`
    instance: str | None  # which database, where that is known without asking; None: ask

    def is_that_of(self, state: State, instance: str | None) -> bool:
        """Whether a state tells of this storage and endpoint, with the database that is now known to answer there."""
        here = (self.storage, self.endpoint, state.instance if instance is None else instance, WIRE_FORMAT)
        return here == (state.storage, state.endpoint, state.instance, state.wire)


@dataclass(frozen=True)
class Standing:
    """A commit beside the one converged last."""

    commit: str
    tree: str  # git's id of the models' folder; empty where there is none
    state: State | None  # None: nothing was ever converged here
    full: bool  # every version is to be compared, also those that do not differ
    note: str = ""  # why an older commit is left alone

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do, so that nothing else needs to be read."""
        is_same = self.state is not None and self.state.tree == self.tree and not self.state.pending
        return bool(self.note) or (is_same and not self.full)

    @property
    def is_recorded(self) -> bool:
        """Whether it is done, and the state says so already."""
        return self.is_done and (bool(self.note) or (self.state is not None and self.state.commit == self.commit))

    @property
    def converged(self) -> str | None:
        """The commit converged last."""
        return self.state.commit if self.state else None

    @property
    def known(self) -> int:
        """How many versions the commit converged last holds."""
        if self.state is None:
            return 0
        return sum(self.state.counts.values()) if self.state.versions is None else self.state.versions


def stand(
    repository: Repository,
    state: State | None,
    where: Where,
    models: str,
    commit: str,
    *,
    full: bool = False,
    allow_rewind: bool = False,
) -> Standing:
    """Where a commit stands; raises DivergedError for one on another line, RepositoryError where history is missing."""
    tree = repository.tree_id(commit, models) or ""
    if state is None:
        return Standing(commit, tree, None, full)
    note = "" if state.commit == commit else _note(repository, state, commit, allow_rewind=allow_rewind)
    return Standing(commit, tree, state, full or not where.is_that_of(state, where.instance), note)


def _note(repository: Repository, state: State, commit: str, *, allow_rewind: bool) -> str:
    if repository.is_ancestor(state.commit, commit):
        return ""
    repository.commit(state.commit)  # or the full history is to be fetched
    if allow_rewind:
        return ""
    if repository.is_ancestor(commit, state.commit):
        return f"superseded: {state.commit[:12]} is newer and was converged already"
    raise DivergedError(
        f"{commit[:12]} does not follow {state.commit[:12]}, which was converged last",
        hint="reconcile the main line; or, if it was rewound on purpose, run again with --allow-rewind",
    )
