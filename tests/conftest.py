"""Real parts as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """A storage emulator with the accounts `source` and `private`."""
    with Azurite().running() as emulator:
        yield emulator
