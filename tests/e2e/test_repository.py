"""What is read from a real git."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path

import pytest

from registry.errors import RepositoryError
from registry.repository import Repository
from registry.tree import TreeFile
from tests.build import a_commit, a_repository, a_version

ABSENT = "0123456789012345678901234567890123456789"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with a version of 600 files, each with bytes of its own."""
    folder = a_repository(tmp_path / "repository")
    a_commit(folder, "tiny/1.0", {**a_version(), **{f"{n}.txt": f"text {n}".encode() for n in range(600)}})
    return Repository(folder)


def files_of(repository: Repository) -> dict[str, TreeFile]:
    """The files of the version by name."""
    return {file.path.rpartition("/")[2]: file for file in repository.files(repository.commit("HEAD"), "models")}


def test_more_files_than_are_asked_for_at_once_are_read(repository: Repository) -> None:
    files = files_of(repository)
    contents = repository.contents(files.values())
    assert {contents[files[f"{n}.txt"].path] for n in range(600)} == {f"text {n}".encode() for n in range(600)}


def test_after_a_file_that_git_lacks_the_others_can_still_be_read(repository: Repository) -> None:
    first, second = files_of(repository)["1.txt"], files_of(repository)["2.txt"]
    with pytest.raises(RepositoryError, match=f"no blob {ABSENT}"):
        repository.contents([first._replace(oid=ABSENT), second])
    assert repository.contents([second]) == {second.path: b"text 2"}


def test_reading_that_was_given_up_does_not_mix_with_the_next(repository: Repository) -> None:
    first, second = files_of(repository)["1.txt"], files_of(repository)["2.txt"]
    with closing(repository.objects.read([first.oid, second.oid])) as reading:
        next(reading)
    assert repository.contents([first, second]) == {first.path: b"text 1", second.path: b"text 2"}


def test_a_repository_goes_to_another_process_and_is_opened_there_once(tmp_path: Path) -> None:
    repository = Repository(a_repository(tmp_path / "repository"))
    one, other = (pickle.loads(pickle.dumps(repository)) for _ in range(2))  # noqa: S301 - our own
    assert (one is other, one.root) == (True, repository.root)
