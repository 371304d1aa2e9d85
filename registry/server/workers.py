"""Several processes that answer at one address, and one that watches over them."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from registry.errors import RegistryError
from registry.server.journal import log_mistake

_NUMBER = 4  # more than a small machine has processors: while one waits for its own threads, another answers
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a process is told to leave by, and the second time, when it is not to wait for anything.
LEAVE, LEAVE_NOW = signal.SIGUSR1, signal.SIGUSR2
_PAUSE = 1.0  # seconds until another takes the place of one that ended by itself

log = logging.getLogger(__name__)


def default_number() -> int:
    """How many unless somebody asks for another number; one where processes cannot be forked safely."""
    return _NUMBER if sys.platform == "linux" else 1


def run_workers(work: Callable[[int], None], number: int, buried: Callable[[int], None]) -> None:
    """Do the work in so many processes until a signal comes, which each is told by LEAVE once it lets that through.

    A second signal is LEAVE_NOW, which ends whoever does not hear it yet. `work` gets a descriptor that can be read
    once this process is gone. One that ends by itself is replaced; `buried` is called with the id of each that ended.
    """
    crew = _Crew(work)
    gc.collect()
    gc.freeze()  # what all of them share is not looked through again in each
    for sign in _SIGNALS:
        signal.signal(sign, crew.leave)
    for _ in range(number):
        crew.start()
    while crew.pids:
        pid, status = os.wait()
        crew.pids.discard(pid)
        buried(pid)
        if not crew.is_leaving:
            log.error("process %s ended with %s; another takes its place", pid, os.waitstatus_to_exitcode(status))
            time.sleep(_PAUSE)
            crew.start()


class _Crew:
    """The processes that are at work."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self._work = work
        self._gone, self._here = os.pipe()  # closed by the system, however this process ends
        self.pids: set[int] = set()
        self.is_leaving = False

    def leave(self, *_: object) -> None:
        """What a signal calls: tell all; the second time they leave at once."""
        sign = LEAVE_NOW if self.is_leaving else LEAVE
        self.is_leaving = True
        for pid in self.pids:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, sign)

    def start(self) -> None:
        """One more, unless the end has come."""
        # None is lost between the fork and the handlers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, LEAVE))
        try:
            if not self.is_leaving:
                if (pid := os.fork()) == 0:
                    self._be_one(before)
                self.pids.add(pid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _be_one(self, mask: set[int]) -> NoReturn:
        code = 3
        try:
            os.close(self._here)
            for sign in _SIGNALS:
                signal.signal(sign, signal.SIG_IGN)  # whoever watches over this one passes it on
            signal.pthread_sigmask(signal.SIG_SETMASK, {*mask, LEAVE})
            self._work(self._gone)
            code = 0
        except RegistryError as error:
            log.error("%s", error)
        except BaseException as error:  # a fork never goes on with what its parent does
            log_mistake(error)
        os._exit(code)
