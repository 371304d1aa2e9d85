"""The bytes of many files in git, through one process of `git cat-file --batch` that stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from itertools import islice
from threading import Lock
from typing import Any
from weakref import finalize

from registry.errors import RepositoryError

CHUNK = 1024 * 1024
_AT_ONCE = 500  # ids of 41 or 65 bytes: a pipe takes them whatever git is doing, so that neither waits for the other


def lacking(oid: str) -> RepositoryError:
    """What to raise for a file that git names and does not have."""
    return RepositoryError(f"git has no blob {oid}", hint="fetch the full history: git fetch --unshallow origin")


class Objects:
    """Started by `start` when first asked for, as a process with pipes; ended with this object at the latest."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._process: Any = None
        self._end: Callable[[], object] = int  # nothing to end
        self._asking = Lock()

    def read(self, oids: Collection[str]) -> Generator[tuple[str, Iterator[bytes]]]:
        """Each file in chunks, which are to be taken before the next; raises RepositoryError for what git lacks."""
        remaining = iter(oids)
        while some := list(islice(remaining, _AT_ONCE)):
            with self._asking:
                self._ask(some)
                try:
                    yield from (self._next() for _ in some)
                except BaseException:
                    self._end()  # what else it was asked for was not read
                    self._process = None
                    raise

    def _ask(self, oids: list[str]) -> None:
        if self._process is None:
            self._process = self._start()
            self._end = finalize(self, _end, self._process)
        self._process.stdin.write("".join(f"{oid}\n" for oid in oids).encode())
        self._process.stdin.flush()

    def _next(self) -> tuple[str, Iterator[bytes]]:
        oid, kind, *size = self._process.stdout.readline().decode().split() or ("", "missing")
        if kind == "missing":
            raise lacking(oid)
        return oid, self._take(int(size[0]))

    def _take(self, size: int) -> Iterator[bytes]:
        while size and (chunk := self._process.stdout.read(min(size, CHUNK))):
            size -= len(chunk)
            yield chunk
        self._process.stdout.read(1)  # the line feed after each content


def _end(process: Any) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    process.proc.wait()
