"""How many requests one caller may send: a bucket for each, filled at a steady rate."""

from __future__ import annotations

import mmap
import secrets
import time
from collections.abc import Callable
from hashlib import blake2b

_BURST = 10.0  # seconds' worth of requests that may come at once
_PLACES = 2**18  # each caller has two of them, and is slowed down only where others use up both


class Pace:
    """So many requests a second of each caller on average, also over processes that are forked once it is made."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = 1.0 / rate
        self._slack = (max(rate * _BURST, 1.0) - 1.0) * self._step
        self._clock = clock
        # Times when a bucket is full again. Processes that write at the same instant may forget a request of the other.
        self._full = memoryview(mmap.mmap(-1, _PLACES * 8)).cast("d")
        self._key = secrets.token_bytes(16)  # nobody chooses whose bucket they share

    def wait(self, caller: str) -> float:
        """0 where the request may pass, else the seconds after which one may."""
        now, places = self._clock(), self._places_of(caller)
        full = max(now, min(self._full[place] for place in places))
        if (seconds := full - now - self._slack) > 0:
            return seconds
        for place in places:
            self._full[place] = max(self._full[place], full + self._step)
        return 0.0

    def _places_of(self, caller: str) -> tuple[int, int]:
        digest = blake2b(caller.encode(), digest_size=16, key=self._key).digest()
        return int.from_bytes(digest[:8]) % _PLACES, int.from_bytes(digest[8:]) % _PLACES
