"""The crash matrix: a run that registers, amends, removes and repairs, killed at its requests.

After each kill one more run must reach the state that an undisturbed run reaches, and a third must plan nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from tests import faults
from tests.azurite import Azurite
from tests.crash.story import CONVERGED, a_story
from tests.kinds import is_reconcilers, kind_of, number, of_kind
from tests.proxy import Fault, Match
from tests.world import NOTHING, RUN, World

STARTS = (NOTHING, CONVERGED)  # where a kind occurs in both, the later one has more to spoil
WHEN: dict[str, Callable[[Callable[[], None]], Fault]] = {"before": faults.before, "after": faults.after}


class Kill(NamedTuple):
    """Where a run is killed: before a request reaches anybody, or after it was carried out."""

    start: str
    when: str
    request: str
    match: Callable[[], Match]

    def __str__(self) -> str:
        return f"{self.when} {self.request}, {self.start}"


class Verdict(NamedTuple):
    """How a kill ended; no problems: as it should."""

    kill: Kill
    problems: list[str]


class Matrix:
    """Some worlds, in each of which one run is killed at a time."""

    def __init__(self, worlds: Sequence[World]) -> None:
        self._worlds = worlds
        self._requests: dict[str, list[str]] = {}  # the kinds of an undisturbed run, in its order
        self._wanted: dict[tuple[World, str], dict[str, Any]] = {}
        for start in STARTS:
            for world in worlds:
                self._requests[start] = _undisturbed(world, start)
                self._wanted[world, start] = world.state()

    def at_each_kind(self) -> list[Kill]:
        """Before and after the first request of each kind."""
        starts = {kind: start for start in STARTS for kind in self._requests[start]}
        return [Kill(start, when, kind, partial(of_kind, kind)) for kind, start in starts.items() for when in WHEN]

    def at_each_request(self) -> list[Kill]:
        """Before and after each request."""
        return [
            Kill(start, when, f"{n} {kind}", partial(number, n))
            for start in STARTS
            for n, kind in enumerate(self._requests[start], 1)
            for when in WHEN
        ]

    def verdicts(self, kills: Sequence[Kill]) -> Iterator[Verdict]:
        """How each kill ended, in their order."""
        free: SimpleQueue[World] = SimpleQueue()
        for world in self._worlds:
            free.put(world)

        def one(kill: Kill) -> Verdict:
            world = free.get()
            try:
                return Verdict(kill, list(_problems(world, kill, self._wanted[world, kill.start])))
            finally:
                free.put(world)

        with ThreadPoolExecutor(len(self._worlds)) as pool:
            yield from pool.map(one, kills)


@contextmanager
def a_matrix(folder: Path, azurite: Azurite, *, jobs: int) -> Iterator[Matrix]:
    """A matrix of so many kills at once."""
    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        contexts = [a_story(folder / f"{number}", azurite) for number in range(jobs)]
        yield Matrix(list(pool.map(stack.enter_context, contexts)))


def _undisturbed(world: World, start: str) -> list[str]:
    """What a run asks for, in order, when nothing happens to it."""
    world.reset(start)
    done = world.run(*RUN)
    assert done.code == 0, done
    return [kind_of(asked) for asked in world.proxy.asked if is_reconcilers(asked)]


def _problems(world: World, kill: Kill, wanted: dict[str, Any]) -> Iterator[str]:
    world.reset(kill.start)
    if not world.killed(kill.match(), WHEN[kill.when]):
        yield "the run was not killed"
    if (done := world.run(*RUN)).code:
        yield f"the next run ends with {done.code}: {done.out}{done.err}"
        return
    state = world.state()
    yield from (f"{part} differs: {state[part]}" for part in wanted if state[part] != wanted[part])
    if world.unverified:
        yield f"registered before they were verified: {world.unverified}"
    if left := world.left():
        yield f"the run after that would do {left}"
