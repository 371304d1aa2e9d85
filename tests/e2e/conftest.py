"""A repository with private storage of each kind, and the endpoint that reads what was registered."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.azurite import Azurite
from tests.build import a_repository, git
from tests.e2e.place import Place
from tests.world import NOTHING, World, a_world


@pytest.fixture(params=["folder", "azurite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A repository whose private storage is a folder, then one whose storage is a container."""
    with ExitStack() as stack:
        yield _place(tmp_path, request.getfixturevalue("azurite") if request.param == "azurite" else None, stack)


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory, azurite: Azurite) -> Iterator[World]:
    """A container and an endpoint behind a proxy, for the tests of one module."""
    with a_world(tmp_path_factory.mktemp("world") / "repository", azurite) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The same, with nothing in it but settings; whatever a test does, nothing is registered before it is verified."""
    first = git(shared_world.repository, "rev-list", "--max-parents=0", "HEAD")
    git(shared_world.repository, "reset", "--quiet", "--hard", first)
    shared_world.reset(NOTHING)
    yield shared_world
    assert not shared_world.unverified


@pytest.fixture
def folder_place(tmp_path: Path) -> Iterator[Place]:
    """A repository whose private storage is a folder."""
    with ExitStack() as stack:
        yield _place(tmp_path, None, stack)


@pytest.fixture
def azurite_place(tmp_path: Path, azurite: Azurite) -> Iterator[Place]:
    """A repository whose private storage is a container."""
    with ExitStack() as stack:
        yield _place(tmp_path, azurite, stack)


def _place(tmp_path: Path, azurite: Azurite | None, stack: ExitStack) -> Place:
    repository = a_repository(tmp_path / "repository")
    if azurite is None:
        return Place(repository, str(repository / ".registry" / "storage"), None, stack)
    container = azurite.url("private", f"models-{secrets.token_hex(6)}")
    return Place(repository, container, azurite.key("private"), stack)
