"""What Prometheus reads: requests, and what is registered. The only home of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.values import MutexValue, ValueClass

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_IS_SHARED = ValueClass is not MutexValue  # as the library found the environment when it was loaded
_METHODS = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
Counts = Callable[[], Mapping[str, Mapping[str, float]]]  # name of a gauge → label → value


class Metrics:
    """Measures of one endpoint, apart from those of other endpoints in the process, or of all its processes."""

    def __init__(self, counts: Counts) -> None:
        registry, self._counted = CollectorRegistry(), _Counted(counts)
        labels = ("method", "route", "status")
        self._requests = Counter("registry_requests", "Answered requests.", labels, registry=registry)
        self._seconds = Histogram(
            "registry_request_seconds",
            "Time to the end of the answer.",
            labels[:2],
            registry=registry,
            buckets=_SECONDS,
        )
        self.in_flight = Gauge(
            "registry_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._own = registry

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request; `route` is the path with its parameters by name."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def render(self) -> bytes:
        """All measures in the text format of Prometheus."""
        registry = CollectorRegistry()
        if _IS_SHARED:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._own)
            ProcessCollector(registry=registry)
        registry.register(self._counted)
        return generate_latest(registry)


def bury(pid: int) -> None:
    """Nothing is in flight any more in a process that has ended."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Counted:
    """Gauges that are asked for when somebody reads them."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def describe(self) -> list[Any]:
        """Nothing: what is counted is known when it is counted."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of now."""
        for name, values in self._counts().items():
            gauge = GaugeMetricFamily(name, "What the database holds, by state.", labels=["state"])
            for state, value in values.items():
                gauge.add_metric([state], value)
            yield gauge
