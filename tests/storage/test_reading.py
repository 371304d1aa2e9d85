"""Reading from Azure, where answers break off, lie about their length, or do not come at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from registry.errors import StorageError
from registry.patience import Patience
from registry.storage.azure import AzureContainer
from tests import faults
from tests.azurite import Azurite
from tests.proxy import Asked, Fault, Proxy

PATH = "zen-bert/1.0/config.json"
CONTENT = secrets.token_bytes(100_000)
ATTEMPTS, ALWAYS = 2, 1_000_000


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[Proxy]:
    with Proxy({"/": azurite.port}).running() as proxy:
        yield proxy


@pytest.fixture
def storage(azurite: Azurite, proxy: Proxy) -> Iterator[AzureContainer]:
    url = f"{proxy.url}/private/models-{secrets.token_hex(6)}"
    patience = Patience(silence=5.0, retries=ATTEMPTS - 1)
    with AzureContainer(url, key=azurite.key("private"), patience=patience) as storage:
        yield storage


def loaded(storage: AzureContainer) -> bytes:
    found = storage.load(PATH)
    assert found is not None
    assert found[0] == storage.stat(PATH)
    return found[1]


def streamed(storage: AzureContainer) -> bytes:
    return b"".join(storage.read(PATH))


def is_get(asked: Asked) -> bool:
    return asked.method == "GET"


EACH_WAY = pytest.mark.parametrize("get", [loaded, streamed])


@EACH_WAY
@pytest.mark.parametrize("fault", [faults.cut(40_000), faults.mismeasured(-10), faults.mismeasured(10)])
def test_an_answer_that_is_not_whole_is_asked_for_again(
    storage: AzureContainer, proxy: Proxy, get: Callable[[AzureContainer], bytes], fault: Fault
) -> None:
    storage.create(PATH, [CONTENT])
    proxy.spoil(is_get, fault)
    assert get(storage) == CONTENT


@EACH_WAY
def test_storage_that_is_away_is_asked_as_often_as_patience_says(
    storage: AzureContainer, proxy: Proxy, get: Callable[[AzureContainer], bytes]
) -> None:
    storage.create(PATH, [CONTENT])
    proxy.spoil(is_get, faults.reset, times=ALWAYS)
    with pytest.raises(StorageError, match="cannot be reached"):
        get(storage)
    assert len([asked for asked in proxy.asked if is_get(asked)]) == ATTEMPTS


@EACH_WAY
def test_what_is_empty_is_read_too(storage: AzureContainer, get: Callable[[AzureContainer], bytes]) -> None:
    storage.create(PATH, [])
    assert get(storage) == b""


def test_what_is_not_there_is_nothing(storage: AzureContainer) -> None:
    assert storage.load(PATH) is None
