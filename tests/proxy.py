"""A proxy before storage and endpoint: it keeps a record of what passes, and spoils what a test wants spoiled.

    with Proxy({"/private/": azurite.port, "/": port_of_endpoint}).running() as proxy:
        proxy.spoil(lambda asked: asked.path.endswith("/status"), faults.reset)

Signatures of storage do not cover the host, so that requests pass as they are, `Host` included.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_CHUNK = 64 * 1024
_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}  # RFC 9110
_UPSTREAM = 60.0  # seconds


@dataclass(frozen=True, eq=False)
class Asked:
    """A request as it came in."""

    number: int  # from 1, over all upstreams, in the order in which they came
    method: str
    target: str  # path and query as sent: may hold a signature
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    time: float = field(repr=False)  # monotonic seconds
    during: tuple[Asked, ...] = field(repr=False)  # what was not answered yet when it came

    @property
    def path(self) -> str:
        """The path, without percent signs."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> Mapping[str, str]:
        """The query, the first of each name."""
        return {key: values[0] for key, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def agent(self) -> str:
        """Who asks."""
        return self.headers.get("user-agent", "")


@dataclass
class Answer:
    """What the upstream answers, its body not yet read."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """What the answer says of its length."""
        return next((int(value) for name, value in self.headers if name.lower() == "content-length"), None)


Fault = Callable[["Exchange"], None]  # answers in its own way, or not at all
Match = Callable[[Asked], bool]


class Exchange:
    """A request that waits for its answer."""

    def __init__(self, asked: Asked, handler: _Handler) -> None:
        self.asked = asked
        self._handler = handler
        self._unread = self._body()

    def forward(self) -> Answer:
        """Send the request on; the answer is still to be relayed."""
        connection = self._handler.upstream(self.asked.path)
        connection.putrequest(self.asked.method, self.asked.target, skip_host=True, skip_accept_encoding=True)
        for name, value in self._handler.headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        chunked = "chunked" in self.asked.headers.get("transfer-encoding", "")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(self._unread if chunked else None, encode_chunked=chunked)
        for chunk in self._unread:  # nothing is left where it was chunked
            connection.send(chunk)
        response = connection.getresponse()
        self._handler.proxy.go(self.asked)  # before its answer is passed on: who gets that may ask for more at once
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
        return Answer(response.status, headers, _read(response))

    def relay(self, answer: Answer) -> None:
        """Pass an answer on as it comes."""
        is_chunked = answer.length is None and self.asked.method != "HEAD" and answer.status not in (204, 304)
        self._head(answer, [("Transfer-Encoding", "chunked")] if is_chunked else [])
        for chunk in answer.body:
            self.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        if is_chunked:
            self.write(b"0\r\n\r\n")

    def read(self) -> bytes:
        """The body of the request, for one who does not forward it."""
        return b"".join(self._unread)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Answer in the place of the upstream, which learns nothing of the request."""
        self.read()
        sent = [*(headers or {}).items(), ("Content-Length", str(len(body)))]
        self._head(Answer(status, sent, iter(())), [])
        if self.asked.method != "HEAD":
            self.write(body)

    def write(self, data: bytes) -> None:
        """Bytes of the answer, below its head."""
        self._handler.wfile.write(data)

    def head(self, answer: Answer, *, length: int | None = None) -> None:
        """The head of an answer alone, with another length where one is given; the connection ends after it."""
        if self.asked.method == "HEAD":  # its length is that of a body which does not come
            length = None
        kept = [pair for pair in answer.headers if length is None or pair[0].lower() != "content-length"]
        extra = [("Content-Length", str(length))] if length is not None else []
        self._head(Answer(answer.status, kept, answer.body), [*extra, ("Connection", "close")])

    def hang_up(self, *, reset: bool = False) -> None:
        """End the connection, politely or with RST."""
        self._handler.close_connection = True
        if reset:
            linger = struct.pack("ii", 1, 0)
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            with suppress(OSError):
                self._handler.connection.shutdown(socket.SHUT_RDWR)

    def _head(self, answer: Answer, extra: Iterable[tuple[str, str]]) -> None:
        self._handler.send_response_only(answer.status)
        for name, value in [*answer.headers, *extra]:
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def _body(self) -> Iterator[bytes]:
        file = self._handler.rfile
        if "chunked" in self.asked.headers.get("transfer-encoding", ""):
            while size := int(file.readline().partition(b";")[0], 16):
                yield file.read(size)
                file.readline()
            while file.readline().strip():
                pass
            return
        left = int(self.asked.headers.get("content-length", 0))
        while left and (chunk := file.read1(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk


class Proxy:
    """Passes on what begins with a prefix to the loopback port of that prefix; the longest one counts."""

    def __init__(self, upstreams: Mapping[str, int]) -> None:
        self.upstreams = dict(upstreams)
        self.asked: list[Asked] = []
        self.url = ""
        self.watch: Callable[[Asked], None] = lambda _: None  # sees each request before anything is done with it
        self._faults: list[tuple[Match, Fault, list[None]]] = []
        self._going: list[Asked] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Listen on a free loopback port until the block ends."""
        handler = type("Handler", (_Handler,), {"proxy": self})
        with _Server(("127.0.0.1", 0), handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def spoil(self, match: Match, fault: Fault, *, times: int = 1) -> None:
        """Do `fault` to the first requests that match, `times` of them."""
        with self._lock:
            self._faults.append((match, fault, [None] * times))

    def heal(self) -> None:
        """Spoil nothing any more, and forget what passed."""
        with self._lock:
            self._faults.clear()
            self.asked = []

    def come(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[Asked, Fault]:
        """Note a request; returns what is to be done with it."""
        with self._lock:
            asked = Asked(len(self.asked) + 1, method, target, headers, time.monotonic(), tuple(self._going))
            self.asked.append(asked)
            self._going.append(asked)
            for match, fault, left in self._faults:
                if left and match(asked):
                    left.pop()
                    return asked, fault
        return asked, passed

    def go(self, asked: Asked) -> None:
        """Note that the upstream has answered a request, or never will."""
        with self._lock:
            if asked in self._going:
                self._going.remove(asked)

    def port(self, path: str) -> int:
        """Where a path is answered."""
        return self.upstreams[max((prefix for prefix in self.upstreams if path.startswith(prefix)), key=len)]


def passed(exchange: Exchange) -> None:
    """Nothing is done to it."""
    exchange.relay(exchange.forward())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def setup(self) -> None:
        super().setup()
        self._upstreams: dict[int, HTTPConnection] = {}

    def upstream(self, path: str) -> HTTPConnection:
        """A connection to where a path is answered: the one of before, unless it was closed meanwhile."""
        port = self.proxy.port(path)
        connection = self._upstreams.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=_UPSTREAM))
        if not _is_open(connection):
            connection.close()  # it opens itself anew
        return connection

    def handle_any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked, fault = self.proxy.come(self.command, self.path, headers)
        self.proxy.watch(asked)
        try:
            fault(Exchange(asked, self))
        except (OSError, HTTPException):  # one side has gone: so does the other
            self.close_connection = True
        finally:
            self.proxy.go(asked)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - what http.server looks for

    def finish(self) -> None:
        for connection in self._upstreams.values():
            connection.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's output."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Who was killed leaves broken connections."""

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self.close_request(request)  # no FIN before the RST of a connection that is to be reset


def _is_open(connection: HTTPConnection) -> bool:
    """Nothing to be read from a connection that waits: it was not closed."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def _read(response: HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read1(_CHUNK):
        yield chunk
    response.read()  # the end of a chunked body, so that the connection can be used again
