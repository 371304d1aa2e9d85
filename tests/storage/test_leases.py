"""Who holds a path holds it alone, on every storage, and knows when no longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from azure.storage.blob import BlobLeaseClient, ContainerClient

from registry.errors import LockError
from registry.storage import Storage
from registry.storage.azure import AzureContainer
from registry.storage.azure.address import parse_address
from registry.storage.azure.client import Client
from registry.storage.azure.credentials import KeyCredential
from registry.storage.azure.lease import BlobHold, hold
from tests.azurite import Azurite


def test_a_lease_is_held_by_one(storage: Storage) -> None:
    with storage.lease(".registry/lock", timeout=0) as lease:
        assert lease.read() == b""
        lease.write(b"me")
        assert lease.read() == b"me"
        assert lease.remaining() > 50
        with pytest.raises(LockError) as caught, storage.lease(".registry/lock", timeout=0.1):
            pass
        assert caught.value.holder == b"me"
        assert lease.remaining() > 50
    assert lease.remaining() == 0
    with pytest.raises(LockError):
        lease.write(b"too late")


def test_the_next_holder_reads_the_last(storage: Storage) -> None:
    with storage.lease(".registry/lock", timeout=0) as lease:
        lease.write(b"first")
    with storage.lease(".registry/lock", timeout=0) as lease:
        assert lease.read() == b"first"
        lease.write(b"second, and longer")
    assert b"".join(storage.read(".registry/lock")) == b"second, and longer"


def test_a_lease_ends_when_its_block_fails(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="of its own"), storage.lease(".registry/lock", timeout=0):
        raise RuntimeError("of its own")
    with storage.lease(".registry/lock", timeout=0) as lease:
        assert lease.remaining() > 50


def test_who_waits_gets_the_lease_in_the_end(storage: Storage) -> None:
    def wait() -> bytes:
        with storage.lease(".registry/lock", timeout=20) as lease:
            return lease.read()

    with ThreadPoolExecutor(1) as pool:
        with storage.lease(".registry/lock", timeout=0) as lease:
            waiting = pool.submit(wait)
            lease.write(b"first")
        assert waiting.result(timeout=20) == b"first"


def test_what_is_not_the_lock_is_written_under_it(storage: Storage) -> None:
    with storage.lease(".registry/lock", timeout=0):
        blob = storage.create(".registry/state.json", [b"1"])
        storage.replace(".registry/state.json", [b"2"], etag=blob.etag)
    assert b"".join(storage.read(".registry/state.json")) == b"2"


def take_away(azurite: Azurite, uploads: ContainerClient, name: str, content: bytes) -> None:
    url = azurite.url("source", uploads.container_name)
    with AzureContainer(url, key=azurite.key("source")) as storage:
        BlobLeaseClient(uploads.get_blob_client(name)).break_lease(0)
        with storage.lease(name, timeout=5) as second:
            second.write(content)


@contextmanager
def held(azurite: Azurite, uploads: ContainerClient) -> Iterator[BlobHold]:
    key = KeyCredential("source", azurite.key("source"))
    address = parse_address(azurite.url("source", uploads.container_name))
    with (
        closing(Client(address, key)) as client,
        hold(client, "lock", 0, make_container=lambda: None, renewal=0.1) as lease,
    ):
        yield lease


def test_a_lease_is_renewed_while_it_is_held(uploads: ContainerClient, azurite: Azurite) -> None:
    with held(azurite, uploads) as lease:
        time.sleep(1)
        assert lease.remaining() > 59.5


def test_a_lease_that_was_broken_is_lost(uploads: ContainerClient, azurite: Azurite) -> None:
    with held(azurite, uploads) as first:
        first.write(b"first")
        take_away(azurite, uploads, "lock", b"second")
        with pytest.raises(LockError) as caught:
            first.write(b"first again")
        assert caught.value.holder == b"second"
        time.sleep(0.5)
        assert first.remaining() == 0
        with pytest.raises(LockError):
            first.read()
