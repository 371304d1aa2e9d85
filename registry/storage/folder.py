"""Private storage as a directory: the same promises as the cloud's, kept by the file system."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat as modes
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from registry.errors import BlobChangedError, BlobExistsError, BlobMissingError, CopyNotOfferedError, StorageError
from registry.storage.folder_lock import hold_file, locked, translated
from registry.storage.paths import OWN, check_path, is_listed
from registry.storage.protocol import Blob, Lease, Source

CHUNK = 1024 * 1024  # bytes of one chunk of a read
A_DAY = 24 * 3600.0  # seconds after which nobody can be writing a temporary file any more
WRITERS_WAIT = 60.0  # seconds; a change of names takes milliseconds
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
PRIVATE = (f"{OWN}tmp/", f"{OWN}digests/", f"{OWN}locks/")  # this module's own files: no blobs


class Folder:
    """Storage over a directory, for one machine; several processes and threads may use it at once."""

    def __init__(self, root: Path, *, hard_links: bool = True) -> None:
        self._root = root.resolve()
        self._hard_links = hard_links  # False: as on a file system that has none

    fetches = False
    bearer = None

    @property
    def url(self) -> str:
        """The directory as a file URL."""
        return self._root.as_uri()

    def stat(self, path: str) -> Blob | None:
        """The blob at `path`, or None."""
        with translated(f"look at {path}"):
            return self._stat(path, self._file(path))

    def settle(self, path: str, source: str | None) -> Blob | None:
        """The blob at `path`, or None; nothing is ever pending."""
        del source
        return self.stat(path)

    def load(self, path: str) -> tuple[Blob, bytes] | None:
        """A small file as a whole with the blob that it is, or None."""
        with translated(f"read {path}"):
            blob = self._stat(path, self._file(path))
            return (blob, self._file(path).read_bytes()) if blob else None

    def read(self, path: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks; nothing beyond the end; BlobMissingError before the first chunk."""
        with translated(f"read {path}"), _opened(path, self._file(path)) as file:
            file.seek(offset)
            left = length
            while chunk := file.read(CHUNK if left is None else min(CHUNK, left)):
                left = None if left is None else left - len(chunk)
                yield chunk

    def create(self, path: str, chunks: Iterable[bytes]) -> Blob:
        """Store new bytes, all or nothing; BlobExistsError when something stands there."""
        file = self._file(path)
        with translated(f"create {path}"), self._temporary(chunks) as temporary, self._writing():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._put_new(temporary, file)
            _sync_folder(file.parent)
            return self._written(path, file)

    def replace(self, path: str, chunks: Iterable[bytes], *, etag: str) -> Blob:
        """Other bytes in the place of exactly the blob with this etag; else BlobChangedError."""
        file = self._file(path)
        with translated(f"replace {path}"), self._temporary(chunks) as temporary, self._writing():
            self._must_be(path, etag)
            # First, so that a crash in between forgets a digest and never keeps a wrong one.
            self._own("digests", path).unlink(missing_ok=True)
            temporary.replace(file)
            _sync_folder(file.parent)
            return self._written(path, file)

    def copy(self, path: str, source: Source, *, etag: str | None = None) -> Blob:
        """Never offered: a folder cannot fetch."""
        del source, etag
        raise CopyNotOfferedError(f"copy to {path}: a folder cannot fetch")

    def record_digest(self, blob: Blob, sha256: str) -> Blob:
        """Note the verified digest with exactly this blob; BlobChangedError when it is another."""
        file, record = self._file(blob.path), self._own("digests", blob.path)
        with translated(f"record the digest of {blob.path}"), self._writing():
            self._must_be(blob.path, blob.etag)
            content = {"path": blob.path, "sha256": sha256, "size": blob.size, "mtime_ns": file.stat().st_mtime_ns}
            record.parent.mkdir(parents=True, exist_ok=True)
            with self._temporary([json.dumps(content).encode()]) as temporary:
                temporary.replace(record)
            return self._written(blob.path, file)

    def delete(self, blob: Blob) -> None:
        """Take exactly this blob away; BlobChangedError when it is another; no error when it is gone."""
        file = self._file(blob.path)
        with translated(f"delete {blob.path}"), self._writing():
            if self._stat(blob.path, file) is None:
                return
            self._must_be(blob.path, blob.etag)
            self._own("digests", blob.path).unlink(missing_ok=True)
            file.unlink()
            self._prune(file.parent)

    def list(self, prefix: str) -> Iterator[Blob]:
        """Every blob whose path starts with `prefix`, by path; `.registry/` only when named."""
        with translated(f"list {prefix or 'everything'}"):
            for path in sorted(path for path in self._walk(prefix) if is_listed(path, prefix)):
                if blob := self._stat(path, self._root / path):
                    yield blob

    def link(self, path: str, *, hours: int) -> None:
        """None: only the endpoint serves what lies in a folder."""

    def lease(self, path: str, *, timeout: float) -> AbstractContextManager[Lease]:
        """Hold `path` by a lock of the operating system, which ends with the process; LockError after `timeout` s."""
        return hold_file(self._file(path), self._own("locks", path), timeout, self._overwrite)

    def _overwrite(self, file: Path, content: bytes) -> None:
        """A small file is put whole, whatever stood there."""
        with translated(f"write {file.name}"), self._temporary([content]) as temporary, self._writing():
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(file)

    def _file(self, path: str) -> Path:
        file = self._root / check_path(path)
        if path.startswith(PRIVATE) or not file.parent.resolve().is_relative_to(self._root):
            raise StorageError(f"storage does not take the path {path!r}: it leads elsewhere")
        return file

    def _own(self, kind: str, path: str) -> Path:
        # A digest for a name: `a` and `a.json/b` would get in each other's way, and long names have no room for more.
        return self._root / OWN / kind / hashlib.sha256(path.encode()).hexdigest()

    def _stat(self, path: str, file: Path) -> Blob | None:
        try:
            found = file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not modes.S_ISREG(found.st_mode):
            return None
        digest = self._digest(path, found)
        etag = f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}" + (f"-{digest[:16]}" if digest else "")
        return Blob(path, found.st_size, etag, digest)

    def _digest(self, path: str, found: os.stat_result) -> str | None:
        """The digest recorded, while the file is the one it was recorded for."""
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            record = json.loads(self._own("digests", path).read_bytes())
            same = (record["path"], record["size"], record["mtime_ns"]) == (path, found.st_size, found.st_mtime_ns)
            return str(record["sha256"]) if same else None
        return None

    def _must_be(self, path: str, etag: str) -> None:
        found = self._stat(path, self._file(path))
        if found is None or found.etag != etag:
            raise BlobChangedError(f"{path} is {'another now' if found else 'gone'}")

    def _written(self, path: str, file: Path) -> Blob:
        found = self._stat(path, file)
        if found is None:
            raise BlobChangedError(f"{path} was taken away at once")
        return found

    def _writing(self) -> AbstractContextManager[None]:
        """One change at a time, of all processes: held only while names change, not while bytes are written."""
        return locked(self._own("locks", ""), WRITERS_WAIT)

    @contextmanager
    def _temporary(self, chunks: Iterable[bytes]) -> Iterator[Path]:
        """A file with these bytes, safely on disk, on the file system of the root; gone when the block ends."""
        path = self._temporaries / uuid4().hex
        try:
            with path.open("xb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    @cached_property
    def _temporaries(self) -> Path:
        """Where temporary files lie; what a dead run left there a day ago is taken away."""
        folder = self._root / OWN / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - A_DAY:
                    left.unlink()
        return folder

    def _put_new(self, temporary: Path, file: Path) -> None:
        try:
            if not self._hard_links:
                raise OSError(errno.ENOTSUP, "hard links are not wanted")
            os.link(temporary, file)
        except FileExistsError:
            raise BlobExistsError(f"create {file.name}: something stands there") from None
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            # Without hard links only our own lock keeps another registrar from coming in between.
            if os.path.lexists(file):
                raise BlobExistsError(f"create {file.name}: something stands there") from None
            temporary.replace(file)

    def _walk(self, prefix: str) -> Iterator[str]:
        start = self._file(prefix + "x").parent
        for folder, folders, names in os.walk(start):
            here = Path(folder).relative_to(self._root)
            folders[:] = [name for name in folders if not f"{(here / name).as_posix()}/".startswith(PRIVATE)]
            yield from ((here / name).as_posix() for name in names)

    def _prune(self, folder: Path) -> None:
        """Empty folders go, so that a file may take their name."""
        with suppress(OSError):
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent


def _opened(path: str, file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise BlobMissingError(f"read {path}: it is not there") from None


def _sync_folder(folder: Path) -> None:
    """The name is on disk too; only POSIX lets a folder be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
