from __future__ import annotations

import stat
from pathlib import Path

import pytest

from registry.errors import DescriptorError
from registry.writing import read_file, write_file


def a_file(folder: Path) -> Path:
    """A small file that all may read."""
    place = folder / "model.yaml"
    place.write_bytes(b"old\r\n")
    place.chmod(0o644)
    return place


def names(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(place.name for place in folder.iterdir())


def test_a_file_gets_other_bytes_and_keeps_its_mode(tmp_path: Path) -> None:
    place = a_file(tmp_path)
    write_file(place, b"new\r\n", lambda data: data == b"new\r\n")
    assert (read_file(place), stat.S_IMODE(place.stat().st_mode)) == (b"new\r\n", 0o644)
    assert names(tmp_path) == ["model.yaml"]


def test_a_file_that_would_not_say_what_it_should_is_left_alone(tmp_path: Path) -> None:
    place = a_file(tmp_path)
    with pytest.raises(DescriptorError, match="left alone"):
        write_file(place, b"new\r\n", lambda _: False)
    assert (read_file(place), names(tmp_path)) == (b"old\r\n", ["model.yaml"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_who_is_interrupted_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted(_: bytes) -> bool:
        raise error

    place = a_file(tmp_path)
    with pytest.raises(error):
        write_file(place, b"new\r\n", interrupted)
    assert (read_file(place), names(tmp_path)) == (b"old\r\n", ["model.yaml"])


def test_a_link_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    place, link = a_file(tmp_path), tmp_path / "link.yaml"
    link.symlink_to(place)
    for act in (lambda: read_file(link), lambda: write_file(link, b"new", lambda _: True)):
        with pytest.raises(DescriptorError, match=r"link\.yaml is no plain file"):
            act()
    assert (link.is_symlink(), read_file(place)) == (True, b"old\r\n")


def test_what_is_not_there_is_said_without_a_path_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError) as caught:
        write_file(tmp_path / "none.yaml", b"new", lambda _: True)
    assert str(caught.value) == "none.yaml cannot be read: No such file or directory"
