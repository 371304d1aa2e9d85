"""How many requests one caller may send."""

from __future__ import annotations

import pytest

from registry.server.pace import Pace


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ten_seconds_worth_of_requests_may_come_at_once_and_no_more() -> None:
    pace = Pace(2.0, Clock())
    assert [pace.wait("a") for _ in range(20)] == [0.0] * 20
    assert pace.wait("a") == 0.5


def test_who_waits_as_long_as_told_may_go_on() -> None:
    clock = Clock()
    pace = Pace(2.0, clock)
    for _ in range(20):
        pace.wait("a")
    for _ in range(5):
        clock.now += pace.wait("a")
        assert pace.wait("a") == 0.0


def test_asking_too_early_costs_nothing() -> None:
    clock = Clock()
    pace = Pace(1.0, clock)
    for _ in range(10):
        pace.wait("a")
    waits = []
    for _ in range(10):
        waits.append(pace.wait("a"))
        clock.now += 0.05
    assert waits == pytest.approx([1.0 - 0.05 * step for step in range(10)])


def test_callers_do_not_pay_for_each_other() -> None:
    pace = Pace(0.1, Clock())
    assert [pace.wait("a"), pace.wait("a") > 0, pace.wait("b")] == [0.0, True, 0.0]


def test_strangers_do_not_slow_a_caller_down() -> None:
    clock = Clock()
    pace = Pace(1.0, clock)
    for number in range(2_000):
        for _ in range(10):
            pace.wait(f"address-{number}")
    assert [pace.wait("a") for _ in range(10)] == [0.0] * 10
