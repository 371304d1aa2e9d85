"""A run killed before and after each kind of request: the next one reaches the same end, and a third does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.azurite import Azurite
from tests.crash.matrix import a_matrix

# A run of which one of these is missing shows less than it seems to.
WRITES = {
    *("PUT container", "create lock", "replace lock", "acquire lease on lock", "release lease on lock"),
    *("create file", "replace file", "copy file", "copy block of file", "commit file", "record digest of file"),
    *("PUT model", "PATCH model", "DELETE model", "create receipt", "create state", "replace state"),
}


@pytest.mark.timeout(900)  # a minute on two cores that have nothing else to do
def test_a_run_killed_at_any_kind_of_request_is_finished_by_the_next(tmp_path: Path, azurite: Azurite) -> None:
    with a_matrix(tmp_path, azurite, jobs=2) as matrix:
        kills = matrix.at_each_kind()
        assert {kill.request for kill in kills} >= WRITES
        found = {str(kill): problems for kill, problems in matrix.verdicts(kills) if problems}

    assert not found
