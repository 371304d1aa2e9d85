"""A forge for each test; what pip needs is downloaded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.workflows.act import Forge, act, wheelhouse
from tests.workflows.desk import Desk
from tests.workflows.github import GitHub


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment in which pip installs the tool's requirements without a network."""
    act()  # no download where nothing can be run
    return wheelhouse(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def forge(tmp_path: Path, wheels: Mapping[str, str]) -> Forge:
    """A repository with the tool and one small model on main."""
    return Forge(tmp_path, wheels)


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A GitHub with nothing in it."""
    with GitHub().running() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, github: GitHub) -> Desk:
    """A repository on it with one small model on main."""
    return Desk(tmp_path, github)
