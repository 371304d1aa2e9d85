"""What only a folder has to care for: dead processes, other people's files, the way out of its root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from registry.errors import BlobExistsError, CopyNotOfferedError, LockError, StorageError
from registry.storage import Source, Storage
from registry.storage.folder import Folder

PATH = "zen-bert/1.0/config.json"
HOLDER = """
import sys, time
from pathlib import Path
from registry.storage.folder import Folder
with Folder(Path(sys.argv[1])).lease(".registry/lock", timeout=0) as lease:
    lease.write(b"the other process")
    print("held", flush=True)
    time.sleep(600)
"""
WRITER = """
import os, sys
from pathlib import Path
from registry.storage.folder import Folder
def chunks():
    yield b"half"
    print("half", flush=True)
    sys.stdin.read()
Folder(Path(sys.argv[1])).create(sys.argv[2], chunks())
"""


def started(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that has come to its first printed line."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def killed(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.send_signal(signal.SIGKILL)


def temporaries(root: Path) -> list[Path]:
    return list((root / ".registry/tmp").iterdir())


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    process = started(HOLDER, str(tmp_path))
    folder = Folder(tmp_path)
    with pytest.raises(LockError) as caught, folder.lease(".registry/lock", timeout=0.2):
        pass
    assert caught.value.holder == b"the other process"
    killed(process)
    with folder.lease(".registry/lock", timeout=5) as lease:
        assert lease.read() == b"the other process"


def test_a_writer_that_was_killed_leaves_no_file_and_no_harm(tmp_path: Path) -> None:
    killed(started(WRITER, str(tmp_path), PATH))
    folder = Folder(tmp_path)
    assert folder.stat(PATH) is None
    assert list(folder.list("")) == list(folder.list(".registry/")) == []
    assert len(temporaries(tmp_path)) == 1
    assert folder.create(PATH, [b"whole"]).size == 5
    assert len(temporaries(tmp_path)) == 1


def test_what_a_dead_run_left_goes_after_a_day(tmp_path: Path) -> None:
    killed(started(WRITER, str(tmp_path), PATH))
    (left,) = temporaries(tmp_path)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(left, (two_days_ago, two_days_ago))
    Folder(tmp_path).create(PATH, [b"x"])
    assert temporaries(tmp_path) == []


def _create(root: Path, number: int) -> bool:
    try:
        Folder(root).create(PATH, [str(number).encode() * 1000])
    except BlobExistsError:
        return False
    return True


def test_of_many_processes_one_creates(tmp_path: Path) -> None:
    with get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_create, [(tmp_path, number) for number in range(12)])
        pool.close()
        pool.join()
    assert won.count(True) == 1
    assert (tmp_path / PATH).read_bytes() == str(won.index(True)).encode() * 1000
    assert temporaries(tmp_path) == []


def test_a_symlink_is_no_way_out(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    root.mkdir()
    (root / "way").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    folder = Folder(root)
    with pytest.raises(StorageError, match="leads elsewhere"):
        folder.create("way/new", [b"x"])
    with pytest.raises(StorageError, match="leads elsewhere"):
        list(folder.read("way/secret"))
    assert folder.stat("file") is None
    assert list(folder.list("")) == []


@pytest.mark.parametrize("path", [".registry/tmp/x", ".registry/digests/x", ".registry/locks/x"])
def test_its_own_files_are_not_to_be_had(folder: Folder, path: str) -> None:
    with pytest.raises(StorageError):
        folder.create(path, [b"x"])


def test_a_file_altered_by_hand_loses_its_digest(folder: Folder, tmp_path: Path) -> None:
    folder.record_digest(folder.create(PATH, [b"some bytes"]), "a" * 64)
    file = tmp_path / "storage" / PATH
    file.write_bytes(b"same size!")
    os.utime(file, ns=(1, 1))
    found = folder.stat(PATH)
    assert found is not None
    assert found.sha256 is None


def test_a_digest_that_cannot_be_read_is_none(folder: Folder, tmp_path: Path) -> None:
    folder.record_digest(folder.create(PATH, [b"some bytes"]), "a" * 64)
    (record,) = (tmp_path / "storage/.registry/digests").iterdir()
    record.write_text("{")
    found = folder.stat(PATH)
    assert found is not None
    assert found.sha256 is None


def test_digests_of_names_that_look_alike_do_not_meet(folder: Folder) -> None:
    one = folder.record_digest(folder.create("a", [b"x"]), "a" * 64)
    two = folder.record_digest(folder.create("a.json/b", [b"y"]), "b" * 64)
    assert list(folder.list("")) == [one, two]


def test_a_copy_is_never_offered(folder: Folder) -> None:
    with pytest.raises(CopyNotOfferedError, match="a folder cannot fetch"):
        folder.copy(PATH, Source("https://files.example.com/x?sig=SECRET", 1))


def test_only_the_endpoint_serves_what_lies_in_a_folder(folder: Folder) -> None:
    folder.create(PATH, [b"x"])
    storage: Storage = folder
    assert storage.link(PATH, hours=1) is None


def test_a_file_where_a_folder_should_be_is_told(folder: Folder) -> None:
    folder.create("a", [b"x"])
    with pytest.raises(StorageError) as caught:
        folder.create("a/b", [b"x"])
    assert caught.value.hint


def test_two_ways_to_one_folder_are_one_storage(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Folder(tmp_path / "link").url == Folder(tmp_path / "real").url
