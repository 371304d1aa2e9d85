"""A web server that sends ranges, or does not, and counts what it sends."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CHUNK = 16 * 1024


@dataclass(frozen=True)
class Served:
    """One file: a head, then zeros, then a tail, and how it is sent."""

    head: bytes
    size: int = 0  # where it is more than head and tail
    tail: bytes = b""
    is_ranged: bool = True
    is_measured: bool = True  # says how long it is
    etags: tuple[str, ...] = ("one",)  # of the first answer, the second, and so on; the last one stays
    most: int | None = None  # bytes of one range, however many are asked for
    breaks_at: int | None = None  # sends nothing from there on, and hangs up
    statuses: tuple[int, ...] = ()  # of the first answers
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return max(self.size, len(self.head) + len(self.tail))

    def part(self, begin: int, end: int) -> bytes:
        """Some of them."""
        data = bytearray(self.head[begin:end].ljust(end - begin, b"\0"))
        tail = self.length - len(self.tail)
        if end > tail:
            place = max(tail - begin, 0)
            data[place:] = self.tail[max(begin - tail, 0) : end - tail]
        return bytes(data)


class RangeServer(ThreadingHTTPServer):
    """The server, running; what it holds can be changed meanwhile."""

    daemon_threads = True  # a connection that is kept open does not hold up the end

    def __init__(self, host: str, files: dict[str, Served | str]) -> None:
        super().__init__((host, 0), _Handler)
        self.files = files  # by path; text is where a redirect leads
        self.asked: list[tuple[str, str]] = []  # path and range
        self.sent: Counter[str] = Counter()  # bytes of bodies, by path
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def paths(self) -> list[str]:
        """What was asked for, each once."""
        return sorted({path for path, _ in self.asked})


class _Handler(BaseHTTPRequestHandler):
    server: RangeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        with self.server.lock:
            number = sum(asked == path for asked, _ in self.server.asked)
            self.server.asked.append((path, self.headers.get("Range", "")))
        found = self.server.files.get(path)
        if isinstance(found, str) or found is None:
            self._end(302 if found else 404, {"Location": found} if found else {})
        elif number < len(found.statuses):
            self._end(found.statuses[number], {})
        else:
            self._give(path, found, found.etags[min(number, len(found.etags) - 1)])

    def _give(self, path: str, file: Served, etag: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if file.is_ranged else None
        begin, end = (int(match[1]), min(int(match[2]) + 1, file.length)) if match else (0, file.length)
        if match and begin >= file.length:
            self._end(416, {"Content-Range": f"bytes */{file.length}"})
            return
        end = end if match is None or file.most is None else min(end, begin + file.most)
        headers = {"ETag": f'"{etag}"'}
        headers |= {"Content-Range": f"bytes {begin}-{end - 1}/{file.length}"} if match else {}
        headers |= {"Content-Length": str(end - begin)} if file.is_measured else {"Connection": "close"}
        self._begin(206 if match else 200, {**headers, **file.headers})
        self._send(path, file, begin, end)

    def _send(self, path: str, file: Served, begin: int, end: int) -> None:
        last = end if file.breaks_at is None else min(end, file.breaks_at)
        self.close_connection |= last < end or not file.is_measured
        with suppress(ConnectionError):  # who has read enough hangs up
            for place in range(begin, last, _CHUNK):
                chunk = file.part(place, min(place + _CHUNK, last))
                self._count(path, len(chunk))  # before: whoever has read the last byte may ask how many there were
                try:
                    self.wfile.write(chunk)
                except OSError:
                    self._count(path, -len(chunk))
                    raise

    def _count(self, path: str, size: int) -> None:
        with self.server.lock:
            self.server.sent[path] += size

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _end(self, status: int, headers: Mapping[str, str]) -> None:
        self._begin(status, {"Content-Length": "0", **headers})

    def handle(self) -> None:
        with self.server.lock:
            self.server.connections += 1
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def range_server(files: Mapping[str, Served | str | bytes], host: str = "127.0.0.1") -> Iterator[RangeServer]:
    """A server of these files on loopback; plain bytes are sent by ranges."""
    held = {path: Served(file) if isinstance(file, bytes) else file for path, file in files.items()}
    with RangeServer(host, held) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
