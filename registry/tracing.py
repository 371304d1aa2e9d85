"""Gather the audit log: changes from git, by the ids of trees, and what receipts say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from registry.chronicle import Entry, Matching, Record, Registered, make_entry, unchanged
from registry.comparing import compare, load_sides
from registry.errors import LedgerError, RegistryError, RepositoryError, StorageError
from registry.history import Origin, Step, find_origins, origin_of
from registry.identity import ModelId, version_order
from registry.ledger import Ledger, Receipt
from registry.parallel import work_through
from registry.repository import Repository
from registry.tree import NO_TREE

_LOT = 100  # versions that are read together: entries of a commit that changed very many appear early
_JOBS = 8  # threads that wait for storage
_SHALLOW = "fetch the full history: git fetch --unshallow origin"


class Trace:
    """One look back; `problems` are what it could not read, known when all entries are taken."""

    def __init__(
        self, repository: Repository, models: str, ledger: Ledger | None, problems: Iterable[RegistryError] = ()
    ) -> None:
        self._repository = repository
        self._models = models
        self._ledger = ledger  # None: no receipts can be read
        self._matching: dict[ModelId, Matching | None] = {}  # None: its receipts are damaged
        self._pending: Mapping[str, str] = {}
        self.problems = list(problems)

    @property
    def is_whole(self) -> bool:
        """Whether git had all that was asked of it."""
        return not any(isinstance(problem, RepositoryError) for problem in self.problems)

    def entries(self, commit: str, path: str, *, since: str | None = None, lot: int | None = None) -> Iterator[Entry]:
        """What changed under `path`, a folder of versions, up to `commit`; the newest first, at most `lot` at once."""
        try:
            self._read_state()
            options = (f"--since-as-filter={since}",) if since else ()
            for step in self._repository.main_line(commit, self._models, path, *options):
                self._check_parents(step)
                yield from self._step(step, path, min(lot or _LOT, _LOT))
            if since is None and self._repository.is_shallow:
                raise RepositoryError("the history here is not whole, so what came before is not known", hint=_SHALLOW)
        except RepositoryError as error:
            self.problems.append(error)

    def _check_parents(self, step: Step) -> None:
        if not step.commit.parents and self._repository.is_shallow:
            raise RepositoryError(f"the history here begins with {step.commit.id[:12]}", hint=_SHALLOW)

    def _step(self, step: Step, path: str, lot: int) -> Iterator[Entry]:
        origins = self._origins(step, path)
        base = step.commit.parents[0] if step.commit.parents else NO_TREE[len(step.commit.id)]
        remaining = iter(sorted(step.trees, key=lambda model: (model.name, version_order(model.version))))
        while models := list(islice(remaining, lot)):
            self._read_receipts(models)
            sides = load_sides(self._repository, self._models, base, step.commit.id, models)
            found = compare(self._repository, sides)
            changes = {change.model: change for change in found}
            for model in models:
                change, pending = changes.get(model) or unchanged(model), self._pending.get(str(model))
                yield make_entry(change, step, origins[model], self._matching.get(model), pending)

    def _origins(self, step: Step, path: str) -> Mapping[ModelId, Origin]:
        if len(step.commit.parents) < 2:
            return dict.fromkeys(step.trees, origin_of(step.commit))
        brought = self._repository.log(f"{step.commit.parents[0]}..{step.commit.id}", path)
        return find_origins(brought, step.trees.keys(), self._models, {})

    def _read_state(self) -> None:
        try:
            state = self._ledger.state() if self._ledger else None
            self._pending = state.pending if state else {}
        except StorageError as error:
            self._miss(error)

    def _read_receipts(self, models: Sequence[ModelId]) -> None:
        new = [model for model in models if model not in self._matching]
        for model, found in work_through(self._look, new, _JOBS, lambda: self._ledger is None):
            if isinstance(found, StorageError):
                self._miss(found)
            self._matching[model] = None if isinstance(found, StorageError) else Matching(found)

    def _look(self, model: ModelId) -> tuple[ModelId, list[Record] | StorageError]:
        try:
            return model, [_record(receipt) for receipt in self._ledger.receipts(model)] if self._ledger else []
        except StorageError as error:
            return model, error

    def _miss(self, error: StorageError) -> None:
        """Go on without what is damaged; what does not answer is not asked again."""
        if isinstance(error, LedgerError):
            self.problems.append(error)
        elif self._ledger:
            self._ledger = None
            self.problems.append(error)


def _record(receipt: Receipt) -> Record:
    commits = frozenset(filter(None, (receipt.commit, receipt.merge_commit)))
    return Record(receipt.tree, commits, Registered(receipt.time, receipt.run, receipt.action), receipt.pull_request)
