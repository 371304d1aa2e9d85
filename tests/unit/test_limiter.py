"""One pace for all: who is told to slow down slows down the others too, and never for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry.limiter import Limiter
from registry.web import WebError, make_session, read_whole


class Clock:
    """A time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now += seconds


def a_limiter() -> tuple[Limiter, Clock]:
    """A limiter and its clock."""
    clock = Clock()
    return Limiter(lambda: clock.now, clock.sleep), clock


def test_nobody_waits_for_a_service_that_does_not_complain() -> None:
    limiter, clock = a_limiter()
    for _ in range(100):
        limiter.wait()
        limiter.speed_up()
    assert clock.now == 1000.0


def test_a_complaint_keeps_everybody_back_for_as_long_as_was_asked_for() -> None:
    limiter, clock = a_limiter()
    limiter.slow_down(7.0)
    limiter.wait()
    assert clock.now == 1007.0


def test_each_complaint_makes_it_slower_and_each_good_answer_faster_until_all_is_as_before() -> None:
    limiter, clock = a_limiter()

    def ten() -> float:
        begun = clock.now
        for _ in range(10):
            limiter.wait()
        return clock.now - begun

    limiter.slow_down(0.0)
    once = ten()
    limiter.slow_down(0.0)
    twice = ten()
    for _ in range(200):
        limiter.speed_up()
    limiter.wait()
    assert 0 < once < twice
    assert ten() == 0.0


@contextmanager
def a_service(answers: list[tuple[int, dict[str, str]]], asked: list[float]) -> Iterator[str]:
    """A server that gives these answers one after the other, then 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            status, headers = answers.pop(0) if answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def waited(headers: dict[str, str]) -> float:
    """How long a session waits after a 429 with these headers."""
    asked: list[float] = []
    with a_service([(429, headers)], asked) as url, make_session(public_only=False) as session:
        assert session.get(url, timeout=10).status_code == 200
    return asked[1] - asked[0]


def test_seconds_in_retry_after_are_waited_for() -> None:
    assert waited({"Retry-After": "1"}) >= 1.0


def test_a_date_in_retry_after_is_waited_for() -> None:
    assert waited({"Retry-After": formatdate(time.time() + 2.5, usegmt=True)}) >= 1.0


@pytest.mark.parametrize("nonsense", ["soon", "-3", "1e400", "Mon, 99 Foo 99999"])
def test_what_is_neither_is_an_ordinary_failure(nonsense: str) -> None:
    assert waited({"Retry-After": nonsense}) < 5.0


def test_what_asks_for_more_than_anybody_waits_is_given_up_at_once() -> None:
    asked: list[float] = []
    begun = time.monotonic()
    with a_service([(429, {"Retry-After": "86400"})], asked) as url, make_session(public_only=False) as session:
        assert session.get(url, timeout=10).status_code == 429
    assert time.monotonic() - begun < 5.0


def test_one_429_slows_all_workers() -> None:
    asked: list[float] = []
    with a_service([(429, {"Retry-After": "1"})], asked) as url, make_session(public_only=False) as session:
        first = threading.Thread(target=lambda: session.get(url, timeout=10).close())
        first.start()
        while not asked:
            time.sleep(0.001)
        time.sleep(0.2)
        others = [threading.Thread(target=lambda: session.get(url, timeout=10).close()) for _ in range(4)]
        for thread in others:
            thread.start()
        for thread in (first, *others):
            thread.join()
    assert len(asked) == 6
    assert all(moment - asked[0] >= 1.0 for moment in asked[1:])


def test_an_answer_that_does_not_end_is_given_up() -> None:
    with a_service([], []) as url, make_session(public_only=False) as session:
        answer = session.get(url, stream=True, timeout=10)
        with pytest.raises(WebError, match="more than 1 bytes"):
            read_whole(answer, most=1)
