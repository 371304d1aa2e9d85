"""What is registered, in numbers, looked up no more often than that costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock

from registry.server.records import Records, RecordsError

_FRESH = 30.0  # seconds; the database reads an index from end to end for these


class Counts:
    """Gauges by name and state; none where the database does not answer, which other measures show."""

    def __init__(self, records: Records, clock: Callable[[], float] = time.monotonic) -> None:
        self._records, self._clock = records, clock
        self._looking = Lock()
        self._known: Mapping[str, Mapping[str, float]] = {}
        self._until = float("-inf")

    def __call__(self) -> Mapping[str, Mapping[str, float]]:
        """The numbers of the last look."""
        with self._looking:
            if self._clock() >= self._until:
                try:
                    self._known = {f"registry_{what}": numbers for what, numbers in self._records.count().items()}
                except RecordsError:
                    self._known = {}
                self._until = self._clock() + _FRESH
            return self._known
