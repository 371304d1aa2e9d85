"""What the proxy can do to a request instead of passing it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.proxy import Exchange, Fault, passed


def answered(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """Another answer; the upstream learns nothing."""
    return lambda exchange: exchange.answer(status, headers, body)


def reset(exchange: Exchange) -> None:
    """The connection is reset before anything is answered."""
    exchange.hang_up(reset=True)


def before(act: Callable[[], None]) -> Fault:
    """Something happens, and the upstream never learns of the request."""

    def fault(exchange: Exchange) -> None:
        act()
        exchange.hang_up()

    return fault


def after(act: Callable[[], None]) -> Fault:
    """Something happens when the upstream has answered, and the answer is lost."""

    def fault(exchange: Exchange) -> None:
        for _ in exchange.forward().body:
            pass
        act()
        exchange.hang_up()

    return fault


lost = after(lambda: None)  # the answer of what was carried out


def stalled(over: threading.Event) -> Fault:
    """No answer until it is over."""

    def wait() -> None:
        over.wait()

    return before(wait)


def late(seconds: float) -> Fault:
    """An answer that takes longer."""

    def fault(exchange: Exchange) -> None:
        time.sleep(seconds)
        passed(exchange)

    return fault


def accepted(exchange: Exchange) -> None:
    """What was done is said to be going on still."""
    answer = exchange.forward()
    body = b"".join(answer.body)
    exchange.head(replace(answer, status=202), length=len(body))
    exchange.write(body)


def cut(size: int) -> Fault:
    """The connection ends after so many bytes of the body."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        body = b"".join(answer.body)
        exchange.head(answer, length=len(body))
        exchange.write(body[:size])
        exchange.hang_up()

    return fault


def mismeasured(by: int) -> Fault:
    """The whole body under a wrong length."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        body = b"".join(answer.body)
        exchange.head(answer, length=len(body) + by)
        exchange.write(body)
        exchange.hang_up()

    return fault


def replaced(change: Callable[[bytes], bytes]) -> Fault:
    """Another body, under the upstream's head."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        body = change(b"".join(answer.body))
        exchange.head(answer, length=len(body))
        exchange.write(body)

    return fault


def dripped(pause: float, over: threading.Event) -> Fault:
    """A byte, a pause, a byte, until it is over; then the rest."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        body = b"".join(answer.body)
        exchange.head(answer, length=len(body))
        for at in range(len(body)):
            exchange.write(body[at : at + 1])
            over.wait(pause)

    return fault


lost_at_once = before(lambda: None)  # a request that nobody learns of
