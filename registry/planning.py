"""Gather what a plan needs - trees, digests, receipts, and where asked storage and endpoint - and make it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple

from registry.checks import check_twins, check_versions
from registry.desired import load_requests
from registry.errors import EndpointError, RepositoryError, StorageError
from registry.evidence import load_facts
from registry.finding import Finding, Severity, weigh
from registry.identity import ModelId, model_of
from registry.ledger import Ledger, Receipt, State
from registry.parallel import map_shares
from registry.plan import Item, Observed, Plan, decide, listed_findings, make_plan
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Version, make_snapshot
from registry.tree import TreeFile
from registry.wire import Json

# What storage or endpoint lack of a registered version, in words; empty where nothing. Only asked for in full.
DriftOf = Callable[[ModelId, Receipt], str]

_SHARE = 300  # versions decided on at once, by one process
_GROUP = 100  # versions in memory at a time while they are worked on
_FEW = 100  # versions up to which each one's receipts are asked for by themselves


class Task(NamedTuple):
    """An item of the plan with all that doing it needs."""

    item: Item
    version: Version | None
    request: Json | None
    receipt: Receipt | None
    error: StorageError | None = None  # why nothing can be said of it now


class Work(NamedTuple):
    """A plan, and what is known of what there is to do."""

    plan: Plan
    known: Mapping[ModelId, Look]


class Scope(NamedTuple):
    """Which versions to look at, and how many the commit holds."""

    touched: frozenset[ModelId]
    versions: int
    receipts: Mapping[ModelId, str] | None = None  # where the last ones are; None: each is to be asked for


class Look(NamedTuple):
    """What is known of one version beside what the commit says."""

    receipt: Receipt | None = None
    drift: str = ""  # what storage or endpoint lack of it, where they were asked
    error: StorageError | None = None  # why the receipt cannot be read

    @property
    def observed(self) -> Observed | None:
        """As a rule wants it."""
        return Observed(self.receipt.action, self.receipt.request, self.drift) if self.receipt else None


def pending_ids(state: State | None) -> list[ModelId]:
    """The pending versions of a state."""
    return [ModelId(*name.split("/", 1)) for name in (state.pending if state else ())]


@dataclass(frozen=True)
class Planner:
    """Makes the plan of one commit."""

    repository: Repository
    ledger: Ledger
    models: str
    policy: Policy
    jobs: int = 8

    def load_scope(self, commit: str, state: State | None, *, full: bool) -> Scope:
        """The versions that differ from the commit converged last or are pending; everything where nothing is known."""
        if full or state is None:
            names, receipts = self.repository.names(commit, self.models), self.ledger.last_receipts()
            touched, versions = {*names, *receipts, *pending_ids(state)}, len(names)
        else:
            changes, receipts = self.repository.difference(state.commit, commit, self.models), None
            touched, versions = {*changes, *pending_ids(state)}, (state.versions or 0) + sum(changes.values())
            if state.versions is None:
                versions = len(self.repository.names(commit, self.models))
            if len(touched) > _FEW:
                receipts = self.ledger.last_receipts()
        if versions <= 0:
            hint = "check `models` in [tool.registry]; to take models out, set `lifecycle.state: removed`"
            raise RepositoryError(f"{commit[:12]} holds no version under `{self.models}/`", hint=hint)
        return Scope(frozenset(touched), versions, receipts)

    def load_work(self, commit: str, converged: str | None, scope: Scope, drift_of: DriftOf | None = None) -> Work:
        """The plan for the versions in scope."""
        names = self.repository.neighbours(commit, self.models, scope.touched)
        present, known, items = scope.touched & names, dict[ModelId, Look](), list[Item | None]()
        with ThreadPoolExecutor(self.jobs) as pool:

            def look(models: Iterable[ModelId]) -> dict[ModelId, Look]:
                asked = list(models)
                return dict(zip(asked, pool.map(partial(self._look, scope.receipts, drift_of), asked), strict=True))

            for looks, decided in self._decided(commit, present, names, look):
                items += decided
                known |= _of_what_is_done(decided, looks)
            gone = look(sorted(scope.touched - present))
            items += [_decide_gone(model, found) for model, found in gone.items()]
        return Work(make_plan(commit, converged, items, scope.versions - len(present)), known | gone)

    def load_tasks(self, work: Work) -> Iterator[Task]:
        """What there is to do with all that doing it needs, read in groups: memory does not grow with the plan."""
        items = iter(work.plan.items)
        while group := list(islice(items, _GROUP)):
            wanted = [item.model for item in group if item.action not in ("refuse", "missing")]
            versions = self.repository.snapshot(work.plan.commit, self.models, wanted).versions if wanted else {}
            requests = load_requests(self.repository, versions.values())
            for item in group:
                model, known = item.model, work.known.get(item.model, Look())
                yield Task(item, versions.get(model), requests.get(model), known.receipt, known.error)

    def _decided(
        self,
        commit: str,
        present: Collection[ModelId],
        names: Iterable[ModelId],
        look: Callable[[Iterable[ModelId]], dict[ModelId, Look]],
    ) -> Iterator[tuple[dict[ModelId, Look], list[Item]]]:
        """What to do for the versions of the commit, in shares that several processes take."""
        twins = _by_model(check_twins(sorted(present), names, self.models), self.models)
        files = self.repository.files(commit, self.models, present) if present else iter(())
        looks: list[dict[ModelId, Look]] = []

        def shares() -> Iterator[_Share]:
            for part in _divided(files, self.models):
                looks.append(look(part))
                about = {model: (found.observed, twins.get(model, ())) for model, found in looks[-1].items()}
                yield _Share([file for files in part.values() for file in files], about)

        work = partial(_decide, self.repository, self.models, self.policy)
        for items in map_shares(work, shares()):
            known = looks.pop(0)
            yield known, [_unless_unread(item, known[item.model]) for item in items]

    def _look(self, where: Mapping[ModelId, str] | None, drift_of: DriftOf | None, model: ModelId) -> Look:
        """The last receipt of a version, and what storage or endpoint lack of it where they are asked."""
        try:
            if where is None:
                receipt = self.ledger.receipt(model)
            else:
                receipt = self.ledger.read_receipt(where[model]) if model in where else None
        except StorageError as error:  # one receipt that is damaged or cannot be read does not stop the others
            return Look(error=error)
        try:
            return Look(receipt, drift_of(model, receipt) if drift_of and receipt else "")
        except (StorageError, EndpointError) as error:  # doing it again is safe, and says whether that was all
            return Look(receipt, f"could not be compared: {error}")


class _Share(NamedTuple):
    """Some versions to decide on: their files, and for each what was observed and which twins it has."""

    files: list[TreeFile]
    about: Mapping[ModelId, tuple[Observed | None, Collection[Finding]]]


def _decide(repository: Repository, models: str, policy: Policy, share: _Share) -> list[Item]:
    snapshot = load_facts(repository, make_snapshot(repository.read(share.files), models))
    twins = [finding for _, found in share.about.values() for finding in found]
    findings = listed_findings(snapshot, weigh([*check_versions(snapshot, policy), *twins], policy.severity))
    valid = [version for model, version in snapshot.versions.items() if not _has_errors(findings.get(model, ()))]
    requests = load_requests(repository, valid)
    items = (
        decide(version, requests.get(model), share.about[model][0], findings.get(model, ()), model)
        for model, version in snapshot.versions.items()
    )
    return [item for item in items if item is not None]


def _decide_gone(model: ModelId, look: Look) -> Item | None:
    item = decide(None, None, look.observed, (), model)
    return _unless_unread(item or Item(model, "unchanged", ""), look) if item or look.error else None


def _unless_unread(item: Item, look: Look) -> Item:
    return Item(item.model, "refuse", f"{look.error}: {look.error.hint}") if look.error else item


def _of_what_is_done(items: Iterable[Item], looks: Mapping[ModelId, Look]) -> dict[ModelId, Look]:
    return {item.model: looks[item.model] for item in items if item.action != "unchanged"}


def _by_model(findings: Iterable[Finding], models: str) -> dict[ModelId, list[Finding]]:
    found: dict[ModelId, list[Finding]] = {}
    for finding in findings:
        if model := model_of(finding.path, models):
            found.setdefault(model, []).append(finding)
    return found


def _divided(files: Iterable[TreeFile], models: str) -> Iterator[dict[ModelId, list[TreeFile]]]:
    """The files by version, some versions at a time."""
    part: dict[ModelId, list[TreeFile]] = {}
    for file in files:
        if (model := model_of(file.path, models)) is None:
            continue
        if len(part) >= _SHARE and model not in part:
            yield part
            part = {}
        part.setdefault(model, []).append(file)
    if part:
        yield part


def _has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def pending_after(state: State | None, now: str, unfinished: Iterable[ModelId]) -> Mapping[str, str]:
    """Each unfinished version with the time since when it is pending."""
    before = state.pending if state else {}
    return {str(model): before.get(str(model), now) for model in sorted(unfinished)}
