"""Real parts as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.azurite import Azurite
from tests.postgres import Postgres


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--accept` for tests that compare with stored text."""
    parser.addoption("--accept", action="store_true", help="rewrite the expected texts with what came out")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether expected texts are to be rewritten."""
    return bool(request.config.getoption("--accept"))


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """A storage emulator with the accounts `source` and `private`."""
    with Azurite().running() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, in which each test makes databases of its own."""
    with Postgres().running() as server:
        yield server
