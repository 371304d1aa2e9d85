"""What every storage promises, whatever it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from registry.errors import BlobChangedError, BlobExistsError, BlobMissingError, StorageError
from registry.storage import Blob, Storage

PATH = "zen-bert/1.0/config.json"
LARGE = bytes(range(256)) * 20  # above every small limit of the tests
SHA = hashlib.sha256(b"some bytes").hexdigest()
NAMES = [
    "a b.txt",
    "käse/ünï.txt",
    "hash#tag",
    "100%",
    "50%25",
    "q?x=1&y",
    "plus+sign",
    "a;b,c@d",
    "日本.bin",
    "~tilde",
]


def content(storage: Storage, path: str) -> bytes:
    return b"".join(storage.read(path))


def present(blob: Blob | None) -> Blob:
    assert blob is not None
    return blob


def broken() -> Iterator[bytes]:
    yield LARGE
    raise RuntimeError("the source died")


@pytest.mark.parametrize("bytes_", [b"", b"x", b"x" * 1000, LARGE], ids=["none", "one", "one block", "many blocks"])
def test_what_was_created_is_read_back(storage: Storage, bytes_: bytes) -> None:
    blob = storage.create(PATH, [bytes_[:3], b"", bytes_[3:]])
    assert blob == storage.stat(PATH)
    assert (blob.path, blob.size, blob.sha256) == (PATH, len(bytes_), None)
    assert content(storage, PATH) == bytes_


def test_a_file_without_chunks_is_empty(storage: Storage) -> None:
    assert storage.create(PATH, []).size == 0
    assert content(storage, PATH) == b""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_it_is(storage: Storage, name: str) -> None:
    storage.create(name, [b"x"])
    assert [blob.path for blob in storage.list("")] == [name]
    assert content(storage, name) == b"x"


@pytest.mark.parametrize("bytes_", [b"other", LARGE], ids=["one block", "many blocks"])
def test_create_leaves_what_is_there(storage: Storage, bytes_: bytes) -> None:
    blob = storage.create(PATH, [b"some bytes"])
    with pytest.raises(BlobExistsError):
        storage.create(PATH, [bytes_])
    assert storage.stat(PATH) == blob
    assert content(storage, PATH) == b"some bytes"


def test_a_source_that_dies_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="the source died"):
        storage.create(PATH, broken())
    assert storage.stat(PATH) is None
    assert list(storage.list("")) == []
    assert storage.create(PATH, [LARGE]).size == len(LARGE)


def test_a_source_that_dies_replaces_nothing(storage: Storage) -> None:
    blob = storage.create(PATH, [b"some bytes"])
    with pytest.raises(RuntimeError, match="the source died"):
        storage.replace(PATH, broken(), etag=blob.etag)
    assert storage.stat(PATH) == blob
    assert content(storage, PATH) == b"some bytes"


def test_of_many_creators_one_wins(storage: Storage) -> None:
    def create(number: int) -> int | None:
        with suppress(BlobExistsError):
            storage.create(PATH, [str(number).encode()])
            return number
        return None

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(create, range(24)) if number is not None]
    assert [str(number).encode() for number in winners] == [content(storage, PATH)]


@pytest.mark.parametrize("bytes_", [b"", b"other", LARGE], ids=["none", "one block", "many blocks"])
def test_replace_puts_other_bytes_in_the_place(storage: Storage, bytes_: bytes) -> None:
    blob = storage.create(PATH, [b"some bytes"])
    after = storage.replace(PATH, [bytes_], etag=blob.etag)
    assert after == storage.stat(PATH)
    assert after.etag != blob.etag
    assert content(storage, PATH) == bytes_


@pytest.mark.parametrize("bytes_", [b"third", LARGE], ids=["one block", "many blocks"])
def test_replace_leaves_a_blob_with_another_etag(storage: Storage, bytes_: bytes) -> None:
    blob = storage.create(PATH, [b"first"])
    after = storage.replace(PATH, [b"other"], etag=blob.etag)
    with pytest.raises(BlobChangedError):
        storage.replace(PATH, [bytes_], etag=blob.etag)
    assert storage.stat(PATH) == after


def test_replace_never_creates(storage: Storage) -> None:
    blob = storage.create(PATH, [b"first"])
    storage.delete(blob)
    with pytest.raises(BlobChangedError):
        storage.replace(PATH, [b"second"], etag=blob.etag)
    assert storage.stat(PATH) is None


def test_of_many_replacers_one_wins(storage: Storage) -> None:
    blob = storage.create(PATH, [b"first"])

    def replace(number: int) -> int | None:
        with suppress(BlobChangedError):
            storage.replace(PATH, [str(number).encode()], etag=blob.etag)
            return number
        return None

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(replace, range(24)) if number is not None]
    assert [str(number).encode() for number in winners] == [content(storage, PATH)]


def test_a_missing_blob_is_none_and_cannot_be_read(storage: Storage) -> None:
    assert storage.stat(PATH) is None
    with pytest.raises(BlobMissingError):
        next(iter(storage.read(PATH)))
    storage.create("other", [b"x"])
    assert storage.stat(PATH) is None
    with pytest.raises(BlobMissingError):
        next(iter(storage.read(PATH)))


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 0), (0, 1), (0, None), (5, 10), (699, 3), (1000, None), (5119, 1), (5000, 9999)]
)
def test_a_range_is_read(storage: Storage, offset: int, length: int | None) -> None:
    storage.create(PATH, [LARGE])
    end = None if length is None else offset + length
    assert b"".join(storage.read(PATH, offset=offset, length=length)) == LARGE[offset:end]


@pytest.mark.parametrize("bytes_", [b"", b"abc"])
def test_beyond_the_end_there_is_nothing(storage: Storage, bytes_: bytes) -> None:
    storage.create(PATH, [bytes_])
    assert b"".join(storage.read(PATH, offset=3)) == b""
    assert b"".join(storage.read(PATH, offset=7, length=2)) == b""
    assert b"".join(storage.read(PATH, length=9)) == bytes_


def test_a_recorded_digest_is_believed(storage: Storage) -> None:
    blob = storage.create(PATH, [b"some bytes"])
    after = storage.record_digest(blob, SHA)
    assert after == Blob(PATH, 10, after.etag, SHA)
    assert after.etag != blob.etag
    assert storage.stat(PATH) == after
    assert list(storage.list("")) == [after]


def test_a_digest_is_recorded_for_exactly_one_blob(storage: Storage) -> None:
    blob = storage.create(PATH, [b"first"])
    after = storage.replace(PATH, [b"other"], etag=blob.etag)
    with pytest.raises(BlobChangedError):
        storage.record_digest(blob, SHA)
    assert storage.stat(PATH) == after


def test_other_bytes_forget_the_digest(storage: Storage) -> None:
    blob = storage.record_digest(storage.create(PATH, [b"some bytes"]), SHA)
    after = storage.replace(PATH, [b"same size!"], etag=blob.etag)
    assert after.sha256 is None
    assert present(storage.stat(PATH)).sha256 is None
    storage.delete(after)
    assert storage.create(PATH, [b"some bytes"]).sha256 is None
    assert present(storage.stat(PATH)).sha256 is None


def test_a_blob_is_taken_away(storage: Storage) -> None:
    blob = storage.create(PATH, [b"x"])
    storage.delete(blob)
    assert storage.stat(PATH) is None
    storage.delete(blob)


def test_delete_leaves_a_blob_with_another_etag(storage: Storage) -> None:
    blob = storage.create(PATH, [b"first"])
    after = storage.replace(PATH, [b"other"], etag=blob.etag)
    with pytest.raises(BlobChangedError):
        storage.delete(blob)
    assert storage.stat(PATH) == after


def test_a_file_may_take_the_name_of_an_emptied_folder(storage: Storage) -> None:
    storage.delete(storage.create("zen/1.0/a/b", [b"x"]))
    assert storage.create("zen/1.0", [b"y"]).size == 1


def test_paths_are_listed_by_prefix_and_in_order(storage: Storage) -> None:
    for path in ["b/2", "b-1", "b/10", "bc/1", "a", ".registry/state.json", ".registry/receipts/a/1/1.json"]:
        storage.create(path, [b"x"])
    assert [blob.path for blob in storage.list("")] == ["a", "b-1", "b/10", "b/2", "bc/1"]
    assert [blob.path for blob in storage.list("b/")] == ["b/10", "b/2"]
    assert [blob.path for blob in storage.list("b")] == ["b-1", "b/10", "b/2", "bc/1"]
    assert [blob.path for blob in storage.list("b/1")] == ["b/10"]
    assert [blob.path for blob in storage.list("c/")] == []
    assert [blob.path for blob in storage.list(".registry/receipts/")] == [".registry/receipts/a/1/1.json"]


def test_the_ledger_is_listed_without_what_storage_needs_itself(storage: Storage) -> None:
    blob = storage.create(".registry/state.json", [b"{}"])
    after = storage.record_digest(blob, SHA)
    with storage.lease(".registry/lock", timeout=0) as lease:
        lease.write(b"me")
    assert [found.path for found in storage.list(".registry/")] == [".registry/lock", ".registry/state.json"]
    assert storage.stat(".registry/state.json") == after


def test_an_empty_storage_lists_nothing(storage: Storage) -> None:
    assert list(storage.list("")) == []
    assert list(storage.list("zen/")) == []


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "a\0b", "C:/x"])
def test_a_path_that_leads_elsewhere_is_refused(storage: Storage, path: str) -> None:
    with pytest.raises(StorageError):
        storage.create(path, [b"x"])
    with pytest.raises(StorageError):
        storage.stat(path)
    with pytest.raises(StorageError):
        list(storage.read(path))


def test_where_it_is_is_told_without_credentials(storage: Storage) -> None:
    assert "?" not in storage.url
    assert not storage.url.endswith("/")
