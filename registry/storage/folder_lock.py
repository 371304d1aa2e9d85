"""Locks of the operating system: they end with the process that holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from registry.errors import LockError, StorageError


class BusyError(StorageError):
    """Somebody else held the lock all the time."""


class FileHold:
    """The hold on one file, until the block ends."""

    def __init__(self, file: Path, write: Callable[[Path, bytes], None]) -> None:
        self._file = file
        self._write = write
        self._held = True

    def remaining(self) -> float:
        """Infinite while held, 0 afterwards."""
        return math.inf if self._held else 0.0

    def end(self) -> None:
        """The block is over."""
        self._held = False

    def read(self) -> bytes:
        """What the last holder wrote; empty when nobody has."""
        return _content(self._file)

    def write(self, content: bytes) -> None:
        """Say who holds it; LockError once the block has ended."""
        if not self._held:
            raise LockError(f"the lock {self._file.name} was given back", holder=_content(self._file))
        self._write(self._file, content)


@contextmanager
def hold_file(file: Path, lock: Path, timeout: float, write: Callable[[Path, bytes], None]) -> Iterator[FileHold]:
    """Hold `lock` until the block ends, with the holder's words in `file`; LockError after `timeout` seconds."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock, timeout))
        except BusyError:
            raise LockError(f"somebody else holds {file.name}", holder=_content(file)) from None
        held = FileHold(file, write)
        stack.callback(held.end)
        yield held


@contextmanager
def locked(lock: Path, timeout: float) -> Iterator[None]:
    """The lock file is locked until the block ends; BusyError after `timeout` seconds."""
    from filelock import FileLock, Timeout  # 7 ms to import, and not needed to read

    guard = FileLock(lock, timeout=timeout, thread_local=False)
    with translated(f"lock {lock.name}"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            guard.acquire()
        except Timeout:
            raise BusyError(f"another process is busy for more than {timeout:.0f} s in {lock.parent}") from None
    try:
        yield
    finally:
        guard.release()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of the operating system leave as StorageError."""
    try:
        yield
    except OSError as error:
        hint = "check that the folder of `storage` can be written and has room"
        raise StorageError(f"{what}: {error.strerror or error}", hint=hint) from error


def _content(file: Path) -> bytes:
    with translated(f"read {file.name}"):
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return b""
