"""The lock of a run: nothing is sent before it says which generation sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from registry.errors import LockError
from registry.ledger import MARGIN, Hold

PATIENCE = 10.0  # seconds


class ALease:
    """A lock in storage that answers nothing to a write until it is told to."""

    def __init__(self) -> None:
        self.left = 60.0
        self.answer = Event()
        self.written: list[int] = []

    def remaining(self) -> float:
        return self.left

    def read(self) -> bytes:
        return b""

    def write(self, content: bytes) -> None:
        if not self.answer.wait(PATIENCE) or content == b"3":
            raise LockError("the lock was lost")
        self.written.append(int(content))


@pytest.fixture
def lease() -> ALease:
    return ALease()


@contextmanager
def held(lease: ALease, generation: int) -> Iterator[Hold]:
    with ThreadPoolExecutor(1) as aside:
        yield Hold(lease, lambda number: lease.write(str(number).encode()), generation, aside)


def waits(asked: Callable[[], object], lease: ALease) -> Future[object]:
    """What is asked, after it has been seen to wait for the lock's answer."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asked)
        with pytest.raises(TimeoutError):
            future.result(0.1)
        lease.answer.set()
        return future


def test_nothing_is_sent_before_the_lock_has_answered(lease: ALease) -> None:
    with held(lease, 1) as hold:
        assert waits(hold.check, lease).result() is None
    assert lease.written == [1]


def test_a_generation_is_told_to_nobody_before_the_lock(lease: ALease) -> None:
    with held(lease, 1) as hold:
        assert waits(lambda: hold.generation, lease).result() == 1


def test_a_generation_goes_above_one_that_was_seen(lease: ALease) -> None:
    with held(lease, 1) as hold:
        hold.follow(0)
        hold.follow(6)
        assert waits(lambda: hold.generation, lease).result() == 7
    assert lease.written == [1, 7]


def test_a_lock_that_was_lost_before_it_answered_lets_nothing_through(lease: ALease) -> None:
    with held(lease, 3) as hold:
        for asked in (hold.check, lambda: hold.generation):
            lease.answer.set()
            with pytest.raises(LockError, match="was lost"):
                asked()


def test_a_lock_that_ends_soon_lets_nothing_through(lease: ALease) -> None:
    lease.answer.set()
    with held(lease, 1) as hold:
        hold.check()
        lease.left = MARGIN - 1
        with pytest.raises(LockError, match="about to be lost"):
            hold.check()
