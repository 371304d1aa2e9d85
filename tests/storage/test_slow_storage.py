"""Storage that is slow, silent or busy: no call takes for ever, and one that is told to wait makes all wait."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.errors import StorageError
from registry.patience import Patience
from registry.storage.azure import AzureContainer
from tests import faults
from tests.azurite import Azurite
from tests.proxy import Fault, Proxy

SHORT = Patience(connect=1, silence=0.5, slow=1, retries=1)
ALWAYS = 1000  # times
over = threading.Event()


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[Proxy]:
    """Storage, until a test spoils it."""
    over.clear()
    with Proxy({"/": azurite.port}).running() as running:
        yield running
        over.set()


@pytest.fixture
def storage(azurite: Azurite, proxy: Proxy) -> Iterator[AzureContainer]:
    """A container with one file, behind the proxy, for one who has little patience."""
    url = f"{proxy.url}/private/models-{secrets.token_hex(6)}"
    with AzureContainer(url, key=azurite.key("private"), patience=SHORT) as container:
        container.create("zen/1.0/a", [b"weights " * 100])
        yield container


SLOW = {"stalls": faults.stalled(over), "drips": faults.dripped(0.2, over)}


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW.keys())
def test_bytes_that_do_not_come_at_a_pace_are_given_up(proxy: Proxy, storage: AzureContainer, fault: Fault) -> None:
    proxy.spoil(lambda asked: asked.method == "GET", fault, times=ALWAYS)
    began = time.monotonic()
    with pytest.raises(StorageError) as caught:
        b"".join(storage.read("zen/1.0/a"))
    assert time.monotonic() - began < 15
    assert caught.value.retryable


def test_one_who_is_told_to_wait_makes_all_wait(proxy: Proxy, storage: AzureContainer) -> None:
    proxy.spoil(lambda _: True, faults.answered(429, {"Retry-After": "2"}))
    with ThreadPoolExecutor(1) as pool:
        complained = pool.submit(storage.stat, "zen/1.0/a")
        while not any(asked.method == "HEAD" and asked.path.endswith("/a") for asked in proxy.asked):
            time.sleep(0.01)
        time.sleep(0.2)
        began = time.monotonic()
        assert storage.stat("zen/1.0/a") == complained.result()
        assert time.monotonic() - began > 1
