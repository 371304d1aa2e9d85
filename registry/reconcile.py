"""One run that makes observed equal desired: the order of the steps, and no step itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.drift import make_drift_of
from registry.endpoint import Endpoint
from registry.errors import DivergedError, UsageError
from registry.identity import ModelId
from registry.ledger import Clock, Hold, Ledger, State, stamp
from registry.outcome import Outcomes, Result
from registry.plan import Plan
from registry.planning import Planner, Task, load_scope, pending_after, pending_ids
from registry.registration import Registrar
from registry.repository import Repository
from registry.storage import Storage
from registry.wire import WIRE_FORMAT


class Where(NamedTuple):
    """Which endpoint is meant, before anybody has talked to it."""

    endpoint: str  # its URL, or `embedded`
    instance: str | None  # which database, where that is known without asking; None: ask


@dataclass(frozen=True)
class Run:
    """Everything that one run is given."""

    repository: Repository
    storage: Storage
    planner: Planner
    ledger: Ledger
    where: Where
    connect: Callable[[], AbstractContextManager[Endpoint]]
    registrar: Callable[[Endpoint, Hold, str, str], Registrar]  # the last two: commit, and instance of the endpoint
    clock: Clock
    models: str
    jobs: int = 8
    fetch: bool = False  # update from the remote first, under the lock
    on_result: Callable[[Result], None] = lambda _: None


def reconcile(
    run: Run, rev: str, *, only: Collection[ModelId], full: bool, allow_rewind: bool, timeout: float
) -> Outcomes:
    """Make storage and endpoint equal to the commit; raises RegistryError where not even a plan can be made."""
    with run.ledger.lock(timeout=timeout) as hold:
        if run.fetch:
            run.repository.fetch()
        now = _look(run, rev, full=full, allow_rewind=allow_rewind)
        _check_names(run, now, only)
        if now.is_done:
            if now.state and not now.note and now.state.commit != now.commit:
                run.ledger.write_state(replace(now.state, commit=now.commit, generation=hold.generation))
            return Outcomes(now.commit, now.converged, (), now.known, note=now.note)
        with run.connect() as endpoint:
            return _converge(run, hold, now, endpoint, only)


def preview(run: Run, rev: str, *, full: bool) -> Plan:
    """What reconcile would do."""
    now = _look(run, rev, full=full, allow_rewind=False)
    if now.is_done:
        return Plan(now.commit, now.converged, (), now.known, now.note)
    scope = load_scope(run.repository, now.commit, run.models, now.state, full=now.full)
    if not now.full:
        return run.planner.load_work(now.commit, now.state, scope).plan
    with run.connect() as endpoint:
        is_known = now.state is not None and _is_same_place(run, now.state, endpoint.ready().instance)
        drift_of = make_drift_of(run.storage, endpoint, is_known=is_known)
        return run.planner.load_work(now.commit, now.state, scope, drift_of).plan


def _check_names(run: Run, now: _Now, only: Collection[ModelId]) -> None:
    """Raise UsageError for a named version that is neither in the commit nor pending."""
    known = (
        {*run.repository.names(now.commit, run.models), *(pending_ids(now.state) if now.state else ())} if only else ()
    )
    if unknown := sorted(set(only) - set(known)):
        named = ", ".join(map(str, unknown))
        raise UsageError(
            f"{now.commit[:12]} holds no version {named}", hint="`registry plan` lists what there is to do"
        )


class _Now(NamedTuple):
    """Where a run stands before it has looked at any version."""

    commit: str
    tree: str
    state: State | None
    full: bool
    is_done: bool
    note: str = ""

    @property
    def converged(self) -> str | None:
        return self.state.commit if self.state else None

    @property
    def known(self) -> int:
        return sum(self.state.counts.values()) if self.state else 0


def _look(run: Run, rev: str, *, full: bool, allow_rewind: bool) -> _Now:
    commit, state = run.repository.commit(rev), run.ledger.state()
    tree = run.repository.tree_id(commit, run.models) or ""
    if state is None:
        return _Now(commit, tree, None, full=full, is_done=False)
    note = _standing(run.repository, state, commit, allow_rewind=allow_rewind)
    instance = state.instance if run.where.instance is None else run.where.instance
    full = full or not _is_same_place(run, state, instance)
    is_done = bool(note) or (not full and state.tree == tree and not state.pending)
    return _Now(commit, tree, state, full, is_done, note)


def _converge(run: Run, hold: Hold, now: _Now, endpoint: Endpoint, only: Collection[ModelId]) -> Outcomes:
    instance, generation = endpoint.ready()
    hold.follow(generation)
    full = now.full or (now.state is not None and not _is_same_place(run, now.state, instance))
    scope = load_scope(run.repository, now.commit, run.models, now.state, full=full)
    named = replace(scope, touched=scope.touched & set(only)) if only else scope
    is_known = now.state is not None and _is_same_place(run, now.state, instance)
    drift_of = make_drift_of(run.storage, endpoint, is_known=is_known) if full else None
    work = run.planner.load_work(now.commit, now.state, named, drift_of)
    results = _do(run, run.registrar(endpoint, hold, now.commit, instance), work.tasks)
    left = scope.touched - named.touched
    unchanged = work.plan.unchanged - len(left & set(scope.names))
    outcomes = Outcomes(now.commit, now.converged, tuple(results), unchanged, left=len(left))
    unfinished = {r.model for r in results if r.outcome in ("refused", "failed")} | left
    state = State(
        commit=now.commit,
        tree=now.tree,
        storage=run.storage.url,
        endpoint=run.where.endpoint,
        instance=instance,
        counts=outcomes.counts(),
        pending=pending_after(now.state, stamp(run.clock()), unfinished),
        generation=hold.generation,
    )
    run.ledger.write_state(state)
    return outcomes


def _do(run: Run, registrar: Registrar, tasks: Iterable[Task]) -> list[Result]:
    def one(task: Task) -> Result:
        result = registrar.do(task)
        run.on_result(result)
        return result

    with ThreadPoolExecutor(run.jobs) as pool:
        try:
            return list(pool.map(one, tasks))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # what is in flight is finished, nothing else is begun
            raise


def _standing(repository: Repository, state: State, commit: str, *, allow_rewind: bool) -> str:
    """Why there is nothing to do for an older commit; raises DivergedError for one on another line."""
    repository.commit(state.commit)
    if repository.is_ancestor(state.commit, commit) or allow_rewind:
        return ""
    if repository.is_ancestor(commit, state.commit):
        return f"superseded: {state.commit[:12]} is newer and was converged already"
    raise DivergedError(
        f"{commit[:12]} does not follow {state.commit[:12]}, which was converged last",
        hint="reconcile the main line; or, if it was rewound on purpose, run again with --allow-rewind",
    )


def _is_same_place(run: Run, state: State, instance: str) -> bool:
    here = (run.storage.url, run.where.endpoint, instance, WIRE_FORMAT)
    return here == (state.storage, state.endpoint, state.instance, state.wire)
