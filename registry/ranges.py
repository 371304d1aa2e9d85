"""A remote file by ranges: in few requests, within limits, and never two states of it mixed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from registry.errors import SourceError
from registry.facts import Content
from registry.sources import Sources
from registry.web import Response, redact

_LEAST = 64 * 1024  # bytes asked for at once: most headers of weights, and most lists of files that end an archive
_CHUNK = 16 * 1024  # bytes between two looks at the clock
_PART = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WHOLE, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416
_AGAIN = "run it again"


class Limits(NamedTuple):
    """How much of one file is read, and for how long."""

    bytes: int
    seconds: float


class _Part(NamedTuple):
    """What an answer brings: a part of the file, and which state of the file that is."""

    begin: int
    end: int | None  # None: nobody knows before it came
    size: int | None  # of the whole file
    etag: str


class RemoteFile:
    """One source, read by ranges; what was read is kept. Everything may raise SourceError."""

    def __init__(self, sources: Sources, url: str, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._url = url
        self._name = f"the source {redact(url)}"
        self._limits = limits
        self._clock = clock
        self._begun = clock()
        self._received = 0
        self._seen: tuple[int | None, str] | None = None  # size and etag of the first answer
        self._size: int | None = None
        self._pieces: dict[int, bytes] = {}  # by where they begin

    @property
    def known_size(self) -> int | None:
        """How many bytes it has, where that was learned."""
        return self._size

    def size(self, look: int = _LEAST) -> int:
        """How many bytes it has, learned by reading the first `look` of them."""
        if self._seen is None:
            self._fetch(0, look)
        if self._size is None:
            raise SourceError(f"{self._name} does not say how many bytes it has", problem="unread")
        return self._size

    def whole(self, most: int) -> bytes:
        """All of its bytes, where they are not too many."""
        if self.size() > most:
            raise SourceError(f"{self._name} has {self.size():,} bytes; at most {most:,} are read", problem="unread")
        return self.read(0, self.size())

    def content(self) -> Content:
        """The file for those who read ranges and need not know from where."""
        return Content(self.size(), self.read)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer only where the file ends."""
        end = min(offset + length, self.size())
        while (begin := self._held_until(offset)) < end:
            # More than is asked for: the next read is near, most often behind this one, at the end of a file before it.
            last = max(self.size() - _LEAST, 0)
            first = last if begin > last and last not in self._pieces else begin
            self._fetch(first, min(max(end, first + _LEAST), self.size()))
        return self._cut(offset, end)

    def _held_until(self, offset: int) -> int:
        for begin in sorted(self._pieces):
            if begin <= offset < begin + len(self._pieces[begin]):
                offset = begin + len(self._pieces[begin])
        return offset

    def _cut(self, offset: int, end: int) -> bytes:
        data = bytearray()
        for begin in sorted(self._pieces):
            place, piece = offset + len(data), self._pieces[begin]
            if begin <= place < min(begin + len(piece), end):
                data += piece[place - begin : end - begin]
        return bytes(data)

    def _fetch(self, begin: int, end: int) -> None:
        """Get these bytes; fewer where the server sends fewer, and all before them where it sends no ranges."""
        self._check_limits(end - begin)
        headers = {"Range": f"bytes={begin}-{end - 1}"}
        with self._sources.answer(self._url, headers, (_WHOLE, _PARTIAL, _NOT_SATISFIABLE)) as response:
            part = self._part(response, begin)
            self._compare(part)
            if part.begin < begin:
                self._check_limits(end, ", since its server sends no ranges")
            last = end if part.end is None else min(end, part.end)
            data = self._take(response, last - part.begin, is_all=last == part.end)
        if len(data) < last - part.begin:
            if part.end is not None or self._size is not None:
                raise self._unreachable("broke off")
            self._size = len(data)
        self._pieces[part.begin] = max(data, self._pieces.get(part.begin, b""), key=len)

    def _part(self, response: Response, begin: int) -> _Part:
        etag = response.headers.get("ETag") or response.headers.get("Last-Modified", "")
        if response.status_code == _NOT_SATISFIABLE and begin == 0:
            return _Part(0, 0, 0, etag)  # no range begins in an empty file
        if response.status_code == _NOT_SATISFIABLE:
            raise self._unreachable("changed while it was read")
        if response.status_code == _WHOLE:
            length = response.headers.get("Content-Length", "")
            size = int(length) if re.fullmatch(r"\d{1,18}", length) else None
            return _Part(0, size, size, etag)
        match = _PART.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != begin or int(match[2]) < begin:
            message = f"{self._name} answers {response.status_code} without the range that was asked for"
            raise SourceError(message, hint="put the file where ranges are answered as RFC 9110 says")
        return _Part(begin, int(match[2]) + 1, None if match[3] == "*" else int(match[3]), etag)

    def _compare(self, part: _Part) -> None:
        """The file is still the one that was read first."""
        if self._seen is None:
            self._seen, self._size = (part.size, part.etag), part.size
        if self._seen != (part.size, part.etag):
            raise self._unreachable("changed while it was read")

    def _take(self, response: Response, length: int, *, is_all: bool) -> bytes:
        """This much of a body; of one that has no more the end too, which leaves the connection to the next request."""
        data = bytearray()
        for chunk in self._sources.body(self._url, response, _CHUNK) if length > 0 else ():
            self._check_limits(0)
            data += chunk
            if len(data) >= length and not (is_all and len(data) == length):
                break
        self._received += len(data)
        return bytes(data[:length])

    def _check_limits(self, more: int, why: str = "") -> None:
        if (needed := self._received + more) > self._limits.bytes:
            message = f"{needed:,} bytes of {self._name} would have to be read{why}; "
            raise SourceError(f"{message}at most {self._limits.bytes:,} are", problem="unread")
        if self._clock() - self._begun > self._limits.seconds:
            raise self._unreachable(f"was not read in {self._limits.seconds:.0f} seconds")

    def _unreachable(self, why: str) -> SourceError:
        return SourceError(f"{self._name} {why}", hint=_AGAIN, problem="unreachable")
