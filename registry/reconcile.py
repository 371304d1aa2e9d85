"""One run that makes observed equal desired: the order of the steps, and no step itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace

from registry.drift import make_drift_of
from registry.endpoint import Endpoint
from registry.errors import UsageError
from registry.history import find_origins
from registry.identity import ModelId
from registry.job import Job
from registry.ledger import Clock, Hold, Ledger, State, stamp
from registry.outcome import Outcomes, Result
from registry.parallel import work_through
from registry.plan import Plan
from registry.planning import Planner, Scope, Work, pending_after, pending_ids
from registry.registration import Registrar
from registry.repository import Repository
from registry.standing import Standing, Where, stand
from registry.storage import Storage

A_WHILE = 60.0  # seconds between two writes of the state in a long run


class Watch:
    """Is told how a run goes on, and may stop it; this one is silent and never does."""

    def begin(self, plan: Plan) -> None:
        """What there is to do is known, and is begun."""

    def done(self, result: Result) -> None:
        """One version is done."""

    @contextmanager
    def working(self) -> Iterator[Callable[[], bool]]:
        """For the time of the block: whether nothing more is to be begun."""
        yield lambda: False


@dataclass(frozen=True)
class Run:
    """Everything that one run is given."""

    repository: Repository
    storage: Storage
    planner: Planner
    ledger: Ledger
    where: Where
    connect: Callable[[], AbstractContextManager[Endpoint]]
    registrar: Callable[[Endpoint, Hold, Job], Registrar]
    clock: Clock
    models: str
    url: str | None  # where the log of this run can be read
    merged: Mapping[str, int]  # pull requests that the forge tells of, by their commit on the main line
    jobs: int = 8
    fetch: bool = False  # update from the remote first, under the lock
    watch: Watch = field(default_factory=Watch)


def reconcile(
    run: Run, rev: str, *, only: Collection[ModelId], full: bool, allow_rewind: bool, timeout: float
) -> Outcomes:
    """Make storage and endpoint equal to the commit; raises RegistryError where not even a plan can be made."""
    with run.ledger.lock(timeout=timeout) as hold:
        commit = run.repository.fetch(rev) if run.fetch else run.repository.commit(rev)
        state = run.ledger.claim_state()
        now = stand(run.repository, state, run.where, run.models, commit, full=full, allow_rewind=allow_rewind)
        _check_names(run, now, only)
        if now.is_done:
            if now.state and not now.is_recorded:
                run.ledger.write_state(replace(now.state, commit=now.commit, generation=hold.generation))
            return Outcomes(now.commit, now.converged, (), now.known, note=now.note)
        with run.connect() as endpoint:
            return _Converging(run, hold, now, endpoint).converge(only)


def _check_names(run: Run, now: Standing, only: Collection[ModelId]) -> None:
    """Raise UsageError for a named version that is neither in the commit nor pending."""
    known = {*run.repository.names(now.commit, run.models, {model.name for model in only}), *pending_ids(now.state)}
    if unknown := sorted(set(only) - known):
        named = ", ".join(map(str, unknown))
        raise UsageError(
            f"{now.commit[:12]} holds no version {named}", hint="`registry plan` lists what there is to do"
        )


class _Converging:
    """A run that has something to do: under the lock, with the endpoint open."""

    def __init__(self, run: Run, hold: Hold, now: Standing, endpoint: Endpoint) -> None:
        self._run, self._hold, self._now, self._endpoint = run, hold, now, endpoint
        self._instance, generation = endpoint.ready()
        hold.follow(generation)
        self._results: list[Result] = []
        self._begun = self._written = time.monotonic()

    def converge(self, only: Collection[ModelId]) -> Outcomes:
        """Do all that there is to do, or of it what is named; the state says what was done and what was not."""
        run, now = self._run, self._now
        is_known = now.state is not None and run.where.is_that_of(now.state, self._instance)
        scope = run.planner.load_scope(now.commit, now.state, full=now.full or not is_known)
        named = scope._replace(touched=scope.touched & set(only)) if only else scope
        drift_of = make_drift_of(run.storage, self._endpoint, is_known=is_known)
        work = run.planner.load_work(now.commit, now.converged, named, drift_of if now.full or not is_known else None)
        left = scope.touched - named.touched
        present = left & run.repository.neighbours(now.commit, run.models, left) if left else left
        if work.plan.items:
            run.watch.begin(work.plan)
        return self._do(work, scope, work.plan.unchanged - len(present), set(left))

    def _do(self, work: Work, scope: Scope, unchanged: int, left: set[ModelId]) -> Outcomes:
        run = self._run
        self._hold.check()  # a lock that was lost already is said once, and not by each version
        undone = {item.model: number for number, item in enumerate(work.plan.items)}
        order = dict(undone)
        registrar = run.registrar(self._endpoint, self._hold, self._job(work.plan))
        with closing(registrar), run.watch.working() as is_stopped:
            for result in work_through(registrar.do, run.planner.load_tasks(work), run.jobs, is_stopped):
                self._results.append(result)
                del undone[result.model]
                run.watch.done(result)
                if time.monotonic() - self._written > A_WHILE:
                    self._write(scope, self._outcomes(unchanged, left | undone.keys()), left | undone.keys())
        self._results.sort(key=lambda result: order[result.model])
        outcomes = replace(self._outcomes(unchanged, left | undone.keys()), is_interrupted=bool(undone))
        self._write(scope, outcomes, left | undone.keys())
        return outcomes

    def _job(self, plan: Plan) -> Job:
        """What the receipts of this run say beside what each version holds."""
        run, commit = self._run, plan.commit
        wanted = {item.model for item in plan.items if item.action not in ("refuse", "missing")}
        log = run.repository.log(commit, run.models) if wanted else ()
        origins = find_origins(log, wanted, run.models, run.merged)
        return Job(commit, self._instance, run.repository.trees(commit, run.models, wanted), origins, run.url)

    def _outcomes(self, unchanged: int, left: Collection[ModelId]) -> Outcomes:
        seconds = round(time.monotonic() - self._begun, 3)
        results, waiting = tuple(self._results), tuple(sorted(left))
        return Outcomes(self._now.commit, self._now.converged, results, unchanged, waiting, seconds=seconds)

    def _write(self, scope: Scope, outcomes: Outcomes, left: Collection[ModelId]) -> None:
        run, now = self._run, self._now
        unfinished = {r.model for r in outcomes.results if r.outcome in ("refused", "failed")}.union(left)
        state = State(
            commit=now.commit,
            tree=now.tree,
            storage=run.where.storage,
            endpoint=run.where.endpoint,
            instance=self._instance,
            versions=scope.versions,
            counts=outcomes.counts(),
            pending=pending_after(now.state, stamp(run.clock()), unfinished),
            generation=self._hold.generation,
        )
        run.ledger.write_state(state)
        self._written = time.monotonic()
