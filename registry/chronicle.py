"""The audit log: each change of a version on the main line, by whom, and when it was registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from registry.diff import Change
from registry.errors import RegistryError
from registry.history import Origin, Step
from registry.identity import ModelId


class Registered(NamedTuple):
    """What a run did with a version, as its receipt says."""

    time: str  # ISO 8601, UTC
    run: str | None  # URL
    outcome: str  # registered | amended | repaired | removed


class Record(NamedTuple):
    """A receipt, and what in git it is about."""

    tree: str  # git's id of the version's folder
    commits: frozenset[str]  # that the run went to, and that merged the version
    registered: Registered
    pull_request: int | None = None  # that the forge told the run of


@dataclass(frozen=True)
class Entry:
    """One version, changed by one commit of the main line."""

    change: Change
    commit: str
    time: str  # of the commit: ISO 8601, UTC
    author: str  # of the change, which a merge may have brought: `name <address>`, as in git
    committer: str
    merged_by: str | None  # the author of the merge
    pull_request: int | None
    records: tuple[Registered, ...] | None  # the first one first; None where receipts could not be read
    pending: str | None = None  # since when the version waits for a run that does it
    is_latest: bool = True  # whether nothing in the log came later for this version

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to register: the folder changed in nothing that a run sees, or is gone."""
        return self.change.kind != "added" and not (self.change.unreadable or self.change.fields or self.change.files)


@dataclass(frozen=True)
class Log:
    """Entries as they are found, the newest first."""

    commit: str  # from which it goes back
    about: str  # NAME/VERSION, NAME, or empty for all
    entries: Iterable[Entry]
    problems: Sequence[RegistryError] = field(default_factory=list)  # what the log lacks; complete after the entries


class Matching:
    """Which receipts are about which entry of one version; entries come newest first."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._left = list(records)
        self._alike: set[str | None] = set()  # trees of later entries that differ in nothing that is registered
        self.is_first = True

    def take(self, tree: str | None, entry: Entry) -> list[Record]:
        """The receipts of an entry that no later one has; those of a later one that is the same belong to this one."""
        self.is_first = False
        trees = {tree, *self._alike} - {None}
        self._alike = trees if entry.is_same else set()
        own = [] if entry.is_same else [record for record in self._left if _is_about(record, trees, entry)]
        self._left = [record for record in self._left if record not in own]
        return own


def _is_about(record: Record, trees: Set[str | None], entry: Entry) -> bool:
    """The same content may have been there before, and been registered then."""
    return record.tree in trees and (entry.commit in record.commits or record.registered.time >= entry.time)


def make_entry(change: Change, step: Step, origin: Origin, matching: Matching | None, pending: str | None) -> Entry:
    """The entry of one version; None for `matching` where its receipts could not be read."""
    main = step.commit
    is_latest = matching is None or matching.is_first
    entry = Entry(
        change=change,
        commit=main.id,
        time=utc(main.time),
        author=origin.change.author,
        committer=origin.change.committer,
        merged_by=main.author if origin.merge else None,
        pull_request=origin.pull_request,
        records=None,
        pending=pending if is_latest else None,
        is_latest=is_latest,
    )
    if matching is None:
        return entry
    own = matching.take(step.trees[change.model][1], entry)
    told = next(filter(None, (record.pull_request for record in own)), None)
    records = tuple(record.registered for record in own)
    return replace(entry, records=records, pull_request=origin.pull_request or told)


def utc(time: str) -> str:
    """A commit's time in UTC, with seconds; as git gives it where it is in no calendar."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return time


def exit_code(problems: Sequence[RegistryError]) -> int:
    """0 where nothing is lacking; 3 where running again may help with all that is."""
    for_good = [problem.exit_code for problem in problems if not problem.retryable]
    return max(for_good, default=3 if problems else 0)


def unchanged(model: ModelId) -> Change:
    """A version whose folder changed in nothing that is registered."""
    return Change(model, "changed", model)
