"""Much work with little of it in memory: shares for all cores, and tasks that wait for others, in threads."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from registry.errors import RegistryError

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Share = TypeVar("Share")
Result = TypeVar("Result")


_loading: list[threading.Thread] = []


def load_ahead(*modules: str) -> None:
    """Load modules in the background, while others are waited for; who needs one sooner waits for it alone."""
    thread = threading.Thread(target=lambda: [import_module(module) for module in modules], name="load", daemon=True)
    _loading.append(thread)
    thread.start()


def map_shares(work: Callable[[Share], Result], shares: Iterable[Share]) -> Iterator[Result]:
    """What `work`, which other processes can be sent, makes of each share; a single share is done right here."""
    remaining = iter(shares)
    first = list(islice(remaining, 2))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(first) < 2 or cores == 1:
        yield from map(work, chain(first, remaining))
    else:
        yield from _in_processes(work, chain(first, remaining), cores)


def _in_processes(work: Callable[[Share], Result], shares: Iterable[Share], cores: int) -> Iterator[Result]:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(cores, get_context(_way()), initializer=_prepare)
    try:
        yield from _results(pool, work, shares, 2 * cores)
    except BrokenProcessPool as error:
        hint = "see whether memory ran out, and run it again"
        raise RegistryError("a process that took a share of the work died", hint=hint) from error
    finally:
        pool.shutdown(cancel_futures=True)


def work_through(
    work: Callable[[Share], Result], tasks: Iterable[Share], jobs: int, is_stopped: Callable[[], bool]
) -> Iterator[Result]:
    """What `work` makes of each task, as it is done, in `jobs` threads; once stopped, what is begun is finished."""
    remaining, running = iter(tasks), set[Future[Result]]()
    with ThreadPoolExecutor(jobs) as pool:
        while True:
            free = 0 if is_stopped() else jobs - len(running)
            running |= {pool.submit(work, task) for task in islice(remaining, free)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def _results(
    pool: ProcessPoolExecutor, work: Callable[[Share], Result], shares: Iterable[Share], most: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for share in shares:
        waiting.append(pool.submit(work, share))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _way() -> str:
    """How processes begin: as copies of this one, which need not load anything anew, where that is safe.

    A copy made while another thread holds a lock never gets it.
    """
    for thread in _loading:
        thread.join()
    return "fork" if threading.active_count() == 1 and sys.platform == "linux" else "spawn"


def _prepare() -> None:
    """What a process is told before its first share."""
    # Ctrl-C reaches all processes of a terminal; the one that hands out the work ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A share makes many objects that live as long as it does and few circles: looking for those often takes a fifth of
    # the time.
    gc.set_threshold(100_000, 20, 20)
