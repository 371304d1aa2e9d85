"""One pace for all workers that talk to one service: who is told to slow down slows down the others too."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

_FIRST, _LONGEST = 0.05, 5.0  # seconds between two requests, after the first complaint and at most
_SLOWER, _FASTER = 2.0, 0.9  # what a complaint and an answer without one make of it: back in full after some thirty


class Limiter:
    """Lets requests through at once until the service complains; then at a pace that it seems to bear."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = Lock()
        self._next = 0.0  # when the next request may go out
        self._pause = 0.0  # seconds between two requests

    def wait(self) -> None:
        """Return when the next request may go out."""
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            if self._pause:
                self._next = begin + self._pause
        if begin > now:
            self._sleep(begin - now)

    def slow_down(self, seconds: float) -> None:
        """The service wants fewer requests, and none for some seconds."""
        with self._lock:
            self._pause = min(max(self._pause * _SLOWER, _FIRST), _LONGEST)
            self._next = max(self._next, self._clock() + seconds)

    def speed_up(self) -> None:
        """The service answered and did not complain."""
        if self._pause:
            with self._lock:
                self._pause = self._pause * _FASTER if self._pause > _FIRST / 2 else 0.0


class Limiters:
    """A limiter for each service, by its host and port."""

    def __init__(self) -> None:
        self._known: dict[str, Limiter] = {}
        self._lock = Lock()

    def of(self, service: str) -> Limiter:
        """The one of a service."""
        with self._lock:
            return self._known.setdefault(service, Limiter())
