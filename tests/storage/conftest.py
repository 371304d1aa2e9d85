"""Storage of both kinds, empty for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from registry.storage import Storage
from registry.storage.azure import AzureContainer, Limits
from registry.storage.folder import Folder
from tests.azurite import Azurite

SMALL = Limits(block=1000, chunk=700, one_copy=2000, copied_block=900)  # several requests for a few kilobytes


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder."""
    return Folder(tmp_path / "storage")


@pytest.fixture
def container(azurite: Azurite) -> Iterator[AzureContainer]:
    """A container that does not exist yet, in the account `private`."""
    url = azurite.url("private", f"models-{secrets.token_hex(8)}")
    with AzureContainer(url, key=azurite.key("private"), limits=SMALL) as storage:
        yield storage


@pytest.fixture(params=["folder", "folder without hard links", "azure"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each kind of storage in turn."""
    if request.param == "azure":
        container: AzureContainer = request.getfixturevalue("container")
        return container
    return Folder(tmp_path / "storage", hard_links=request.param == "folder")


@pytest.fixture
def uploads(azurite: Azurite) -> Iterator[ContainerClient]:
    """A container of the account `source`, where contributors put their files."""
    service, name = azurite.url("source", f"uploads-{secrets.token_hex(8)}").rsplit("/", 1)
    with ExitStack() as stack:
        key = AzureNamedKeyCredential("source", azurite.key("source"))
        client = stack.enter_context(ContainerClient(service, name, credential=key))
        client.create_container()
        yield client
