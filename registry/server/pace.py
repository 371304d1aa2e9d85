"""How many requests one caller may send: a bucket for each, filled at a steady rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_BURST = 10.0  # seconds' worth of requests that may come at once
_CALLERS = 10_000  # that are remembered; who was silent longest has a full bucket again, or nearly


class Pace:
    """So many requests a second of each caller on average; for one thread, and within one process."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most = rate, max(rate * _BURST, 1.0)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller → what was left, and when

    def wait(self, caller: str) -> float:
        """0 where the request may pass, else the seconds after which one may."""
        now = self._clock()
        left, since = self._buckets.pop(caller, (self._most, now))
        left = min(left + (now - since) * self._rate, self._most)
        passes = left >= 1.0
        self._buckets[caller] = (left - 1.0 if passes else left, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1.0 - left) / self._rate
