"""Who of several threads and processes writes to one SQLite file next."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # no POSIX: then processes have SQLite's own lock alone
    fcntl = None  # type: ignore[assignment]


class Turn:
    """Taken by one at a time, so that SQLite's own lock is free for whoever has it.

    A writer whom SQLite turns away comes back after ever longer pauses, while others pass by. Nothing depends on the
    turn: who does not get it within `wait` seconds goes on without, and is told by SQLite that the file is locked.
    """

    def __init__(self, database: Path, wait: float) -> None:
        self._wait = wait
        self._threads = threading.Lock()
        self._file = os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Until the block ends."""
        if not self._threads.acquire(timeout=self._wait):
            yield
            return
        try:
            with self._before_others():
                yield
        finally:
            self._threads.release()

    @contextmanager
    def _before_others(self) -> Iterator[None]:
        self._lock(is_on=True)  # the system lets whoever has waited longest go first, and ends what a killed one holds
        try:
            yield
        finally:
            self._lock(is_on=False)

    def _lock(self, *, is_on: bool) -> None:
        if fcntl:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._file, fcntl.LOCK_EX if is_on else fcntl.LOCK_UN)
