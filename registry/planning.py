"""Gather what a plan needs - trees, digests, receipts, and where asked storage and endpoint - and make it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from registry.checks import check_snapshot
from registry.desired import load_requests
from registry.errors import LedgerError, RepositoryError
from registry.evidence import load_facts
from registry.finding import Finding, Severity
from registry.identity import ModelId
from registry.ledger import Ledger, Receipt, State
from registry.plan import Item, Observed, Plan, decide, listed_findings, make_plan
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Version
from registry.wire import Json

# What storage or endpoint lack of a registered version, in words; empty where nothing. Only asked for in full.
DriftOf = Callable[[ModelId, Receipt], str]


@dataclass(frozen=True)
class Task:
    """An item of the plan with all that doing it needs."""

    item: Item
    version: Version | None
    request: Json | None
    receipt: Receipt | None


@dataclass(frozen=True)
class Work:
    """A plan and its tasks."""

    plan: Plan
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Scope:
    """Which versions to look at, and how many there are in all."""

    touched: frozenset[ModelId]
    names: tuple[ModelId, ...]


def load_scope(repository: Repository, commit: str, models: str, state: State | None, *, full: bool) -> Scope:
    """The versions that differ from the commit converged last or are pending; all of them where nothing is known."""
    names = tuple(repository.names(commit, models))
    if not names:
        hint = "check `models` in [tool.registry]; to take models out, set `lifecycle.state: removed`"
        raise RepositoryError(f"{commit[:12]} holds no version under `{models}/`", hint=hint)
    if state is None:
        return Scope(frozenset(names), names)
    known = repository.names(state.commit, models) if full else ()
    touched = {*names, *known} if full else repository.difference(state.commit, commit, models)
    return Scope(frozenset(touched | set(pending_ids(state))), names)


def pending_ids(state: State) -> list[ModelId]:
    """The pending versions of a state."""
    return [ModelId(*name.split("/", 1)) for name in state.pending]


@dataclass(frozen=True)
class Planner:
    """Makes the plan of one commit."""

    repository: Repository
    ledger: Ledger
    models: str
    policy: Policy
    jobs: int = 8

    def load_work(self, commit: str, state: State | None, scope: Scope, drift_of: DriftOf | None = None) -> Work:
        """The plan for the versions in scope, and what doing it needs."""
        only = sorted(scope.touched & set(scope.names))
        snapshot = load_facts(self.repository, self.repository.snapshot(commit, self.models, only))
        findings = listed_findings(snapshot, check_snapshot(snapshot, self.policy, scope.names))
        valid = [version for model, version in snapshot.versions.items() if not _has_errors(findings.get(model, ()))]
        requests = load_requests(self.repository, valid)
        with ThreadPoolExecutor(self.jobs) as pool:
            looks = pool.map(lambda m: self._observe(m, drift_of), sorted(scope.touched))
            tasks = [
                _task(model, snapshot.versions.get(model), requests.get(model), findings.get(model, ()), *look)
                for model, look in zip(sorted(scope.touched), looks, strict=True)
            ]
        untouched = len(set(scope.names) - scope.touched)
        plan = make_plan(commit, state.commit if state else None, [t.item if t else None for t in tasks], untouched)
        return Work(plan, tuple(task for task in tasks if task is not None and task.item.action != "unchanged"))

    def _observe(self, model: ModelId, drift_of: DriftOf | None) -> tuple[Receipt | LedgerError | None, str]:
        """The last receipt of a version, and what storage or endpoint lack of it where they are asked."""
        try:
            receipt = self.ledger.receipt(model)
        except LedgerError as error:  # one damaged receipt does not stop the others
            return error, ""
        return receipt, drift_of(model, receipt) if drift_of and receipt else ""


def _task(
    model: ModelId,
    version: Version | None,
    request: Json | None,
    findings: Sequence[Finding],
    receipt: Receipt | LedgerError | None,
    drift: str,
) -> Task | None:
    if isinstance(receipt, LedgerError):
        return Task(Item(model, "refuse", f"{receipt}: {receipt.hint}"), version, request, None)
    observed = Observed(receipt.action, receipt.request, drift) if receipt else None
    item = decide(version, request, observed, findings, model)
    return Task(item, version, request, receipt) if item else None


def _has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def pending_after(state: State | None, now: str, unfinished: Iterable[ModelId]) -> Mapping[str, str]:
    """Each unfinished version with the time since when it is pending."""
    before = state.pending if state else {}
    return {str(model): before.get(str(model), now) for model in sorted(unfinished)}
