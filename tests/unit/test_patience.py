"""A call is tried again where that may help, and never takes for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from registry.asking import LIMITS
from registry.endpoint import Endpoint
from registry.errors import EndpointError
from registry.identity import ModelId
from registry.patience import HASTY, Patience
from registry.web import Session, WebError, make_session
from tests import faults
from tests.azurite import free_port
from tests.proxy import Exchange, Fault, Proxy

SHORT = Patience(connect=1, silence=0.5, slow=1, again=2)
FINE = faults.answered(200, body=b'{"state": "Finished"}')
TIMES = 100


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A server that does what it is told, and else answers that all is fine."""
    with Proxy({"/": free_port()}).running() as running:
        yield running


@pytest.fixture
def session() -> Iterator[Session]:
    """A session of little patience."""
    with make_session(public_only=False, patience=SHORT) as made:
        yield made


def tell(proxy: Proxy, fault: Fault, *, times: int = TIMES) -> None:
    """The next answers, before those that are fine."""
    proxy.spoil(lambda _: True, fault, times=times)
    proxy.spoil(lambda _: True, FINE, times=TIMES)


@pytest.mark.parametrize("fault", [faults.reset, faults.lost_at_once])
def test_a_dropped_connection_is_tried_again(proxy: Proxy, session: Session, fault: Fault) -> None:
    tell(proxy, fault, times=2)
    assert session.get(proxy.url, timeout=SHORT.timeout).status_code == 200
    assert len(proxy.asked) == 3


def test_all_attempts_at_an_answer_that_drips_are_over_before_the_time_for_a_source_is() -> None:
    assert HASTY.slow * (1 + HASTY.retries) < LIMITS.seconds


def drip_head(exchange: Exchange) -> None:
    """The head of an answer, a byte every 0.1 s."""
    for _ in range(10_000):
        exchange.write(b"HTTP/1.1 200 OK\r\nX-More: yes" if not _ else b"s")
        time.sleep(0.1)


def drip_body(exchange: Exchange) -> None:
    """A body, a byte every 0.1 s."""
    exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(10_000):
        exchange.write(b"s")
        time.sleep(0.1)


@pytest.mark.parametrize("fault", [drip_head, drip_body, faults.stalled(threading.Event())])
def test_an_answer_that_never_ends_is_given_up(proxy: Proxy, session: Session, fault: Fault) -> None:
    tell(proxy, fault)
    began = time.monotonic()
    with pytest.raises(WebError):
        session.get(proxy.url, timeout=SHORT.timeout)
    assert time.monotonic() - began < 6


def test_a_long_answer_that_comes_fast_enough_is_read_to_its_end(proxy: Proxy, session: Session) -> None:
    def steady(exchange: Exchange) -> None:
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        for _ in range(20):
            exchange.write(bytes(10_000))
            time.sleep(0.1)

    tell(proxy, steady)
    assert len(session.get(proxy.url, timeout=SHORT.timeout).content) == 200_000


def test_who_reads_slowly_may_do_so(proxy: Proxy, session: Session) -> None:
    tell(proxy, faults.answered(200, body=bytes(5_000_000)))
    answer = session.get(proxy.url, timeout=SHORT.timeout, stream=True)
    size = 0
    for chunk in answer.iter_content(2_000_000):
        time.sleep(1)
        size += len(chunk)
    assert size == 5_000_000


def test_registrations_that_stay_in_progress_cost_a_run_no_more_than_twice_the_time(proxy: Proxy) -> None:
    tell(proxy, faults.answered(200, body=b'{"state": "InProgress"}'))
    endpoint = Endpoint(proxy.url, None, patience=SHORT, wait=0.5)
    began = time.monotonic()
    for version in range(10):
        with pytest.raises(EndpointError, match="still in progress") as caught:
            endpoint.await_finished(ModelId("tiny", f"1.{version}"))
        assert caught.value.retryable
    endpoint.close()
    assert time.monotonic() - began < 2
