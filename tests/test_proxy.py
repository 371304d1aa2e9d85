"""The proxy passes on what it is not told to spoil as it came, and spoils the rest as it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.benchmarks.latency import far_away
from tests import faults
from tests.proxy import Asked, Fault, Proxy

BODY = b"0123456789" * 20_000


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent: in chunks to POST, with its length to PUT."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Host", self.headers["Host"])
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while size := int(self.rfile.readline(), 16):
            self.wfile.write(b"%x\r\n%b\r\n" % (size, self.rfile.read(size)))
            self.rfile.readline()
        self.rfile.readline()
        self.wfile.write(b"0\r\n\r\n")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "12345")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy before a server that gives back what it is sent."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with Proxy({"/": server.server_port}).running() as running:
            yield running
        server.shutdown()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[HTTPConnection]:
    """One connection to it, which is not opened anew by itself."""
    connection = HTTPConnection(proxy.url.removeprefix("http://"), timeout=5)
    connection.connect()
    connection.auto_open = 0
    yield connection
    connection.close()


def put(client: HTTPConnection, path: str = "/a") -> bytes:
    """What comes back for a PUT of BODY."""
    client.request("PUT", path, BODY)
    return client.getresponse().read()


def test_what_is_not_spoiled_passes_as_it_came_over_one_connection(proxy: Proxy, client: HTTPConnection) -> None:
    client.request("PUT", "/a%20b?x=1&x=2", BODY, {"User-Agent": "me"})
    answer = client.getresponse()
    assert (answer.status, answer.read(), answer.headers["X-Host"]) == (201, BODY, f"{client.host}:{client.port}")
    client.request("HEAD", "/b")
    head = client.getresponse()
    assert (head.status, head.read(), head.headers["Content-Length"]) == (200, b"", "12345")
    client.request("POST", "/c", iter([BODY, b"more"]), encode_chunked=True)
    assert client.getresponse().read() == BODY + b"more"
    assert put(client) == BODY

    assert [(asked.number, asked.method, asked.path) for asked in proxy.asked] == [
        (1, "PUT", "/a b"), (2, "HEAD", "/b"), (3, "POST", "/c"), (4, "PUT", "/a"),
    ]  # fmt: skip
    assert (proxy.asked[0].query, proxy.asked[0].agent) == ({"x": "1"}, "me")


def second(asked: Asked) -> bool:
    """The second request of all."""
    return asked.number == 2


def test_only_what_matches_is_spoiled_and_only_so_often(proxy: Proxy, client: HTTPConnection) -> None:
    proxy.spoil(second, faults.answered(503, {"Retry-After": "1"}, b"busy"))
    assert [put(client), put(client), put(client)] == [BODY, b"busy", BODY]


@pytest.mark.parametrize("fault", [faults.reset, faults.lost, faults.before(lambda: None)])
def test_an_answer_that_does_not_come_ends_the_connection(proxy: Proxy, client: HTTPConnection, fault: Fault) -> None:
    proxy.spoil(second, fault)
    assert put(client) == BODY
    with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        put(client)


@pytest.mark.parametrize("fault", [faults.cut(1000), faults.mismeasured(7)])
def test_a_body_that_ends_early_is_seen(proxy: Proxy, client: HTTPConnection, fault: Fault) -> None:
    proxy.spoil(lambda _: True, fault)
    with pytest.raises(IncompleteRead):
        put(client)


def test_a_length_below_the_bodys_is_believed(proxy: Proxy, client: HTTPConnection) -> None:
    proxy.spoil(lambda _: True, faults.mismeasured(-7))
    assert put(client) == BODY[:-7]


@pytest.mark.parametrize(("fault", "reaches"), [(faults.before, False), (faults.after, True)])
def test_what_happens_after_a_request_happens_when_it_was_carried_out(
    proxy: Proxy, fault: Callable[[Callable[[], None]], Fault], *, reaches: bool
) -> None:
    with Proxy({"/": int(proxy.url.rsplit(":", 1)[1])}).running() as front:
        client = HTTPConnection(front.url.removeprefix("http://"), timeout=5)
        seen: list[int] = []
        front.spoil(lambda _: True, fault(lambda: seen.append(len(proxy.asked))))
        with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            put(client)
        client.close()
    assert seen == [len(proxy.asked)] == [int(reaches)]


def test_what_is_late_stalls_or_drips_takes_its_time(proxy: Proxy) -> None:
    over = threading.Event()
    proxy.spoil(lambda asked: asked.path == "/late", faults.late(0.2))
    proxy.spoil(lambda asked: asked.path == "/never", faults.stalled(over))
    proxy.spoil(lambda asked: asked.path == "/drip", faults.dripped(0.1, over))
    for path, patience in (("/late", 0.1), ("/never", 0.3), ("/drip", 5.0)):
        connection = HTTPConnection(proxy.url.removeprefix("http://"), timeout=patience)
        started = time.monotonic()
        try:
            connection.request("PUT", path, b"123")
            assert connection.getresponse().read() == b"123"
            assert path == "/drip"
            assert time.monotonic() - started > 0.2
        except TimeoutError:
            assert path != "/drip"
        connection.close()
    over.set()


def test_what_is_far_away_answers_later_and_whole() -> None:
    content = bytes(range(256)) * 4096

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100).upper() + content)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(answer, listener)
        with (
            far_away(listener.getsockname()[1], delay=0.1) as port,
            socket.create_connection(("127.0.0.1", port)) as here,
        ):
            start = time.monotonic()
            here.sendall(b"ask")
            answered = b"".join(iter(lambda: here.recv(2**20), b""))
    assert answered == b"ASK" + content
    assert time.monotonic() - start >= 0.1
