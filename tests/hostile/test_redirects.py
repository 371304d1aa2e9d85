"""Redirects into private addresses: each hop is looked at as the URL itself, and nothing is sent to an inner one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from registry.errors import SourceError
from registry.patience import Patience
from registry.policy import Policy
from registry.sources import Sources
from registry.web import WebError, make_session
from tests.e2e.sources import source

REDIRECTS = (301, 302, 303, 307, 308)


@dataclass
class Inner:
    """A server at an inner address that keeps what is sent to it, and answers nothing."""

    port: int
    received: list[bytes] = field(default_factory=list)


@contextmanager
def inner(host: str) -> Iterator[Inner]:
    """A server for the time of the block."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        found = Inner(server.getsockname()[1])

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(2)
                    data = connection.recv(1000)
                    if data == b"stop":
                        return
                    if data:
                        found.received.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield found
        finally:
            with socket.create_connection((host, found.port)) as connection:
                connection.sendall(b"stop")
            thread.join()


INNER = {
    "another loopback address": ("127.0.0.2", "127.0.0.2"),
    "shortened": ("127.0.0.2", "127.2"),
    "octal": ("127.0.0.2", "0177.0.0.2"),
    "hexadecimal": ("127.0.0.2", "0x7f000002"),
    "one number": ("127.0.0.2", "2130706434"),
    "IPv6": ("::1", "[::1]"),
    "IPv4 in IPv6": ("127.0.0.2", "[::ffff:127.0.0.2]"),
    "IPv4 in IPv6, in hexadecimal digits": ("127.0.0.2", "[::ffff:7f00:2]"),
}


@pytest.mark.parametrize("name", INNER)
def test_a_redirect_to_an_inner_address_is_refused_and_nothing_is_sent_there(name: str) -> None:
    host, written = INNER[name]
    with inner(host) as found, source({"/a": f"https://{written}:{found.port}/secret"}) as outer:
        # The settings let the inner address through: what refuses it is the address itself.
        sources = Sources(Policy(sources=(outer, f"https://{written}:{found.port}"), allow_loopback=True), {})
        with pytest.raises(SourceError, match="not public"):
            list(sources.stream(f"{outer}/a"))
    assert found.received == []


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest", "only https is fetched"),
        ("https://169.254.169.254/latest", "not public"),
        ("//169.254.169.254/latest", "only https is fetched"),
        ("file:///etc/passwd", "only https is fetched"),
        ("ftp://127.0.0.1/a", "only https is fetched"),
        ("https://example.com/a", "not on the allow-list"),
        ("/uploads/../secret", "not on the allow-list"),
        ("/uploads/%2e%2e/secret", "not on the allow-list"),
        ("\\\\169.254.169.254\\latest", "not on the allow-list|does not have"),
        ("https://[", "no URL|not a URL"),
        ("https://ci:SECRET@10.0.0.1/a", "not public|does not have"),
    ],
)
def test_a_redirect_leads_only_where_a_source_may_be(location: str, said: str) -> None:
    asked: list[str] = []
    with source({"/uploads/a?sig=SECRET": location}, asked=asked) as outer:
        sources = Sources(Policy(sources=(f"{outer}/uploads/",), allow_loopback=True), {"uploads": "sig=SECRET"})
        with pytest.raises(SourceError, match=said) as error:
            list(sources.stream(f"{outer}/uploads/a"))
    assert asked == ["/uploads/a?sig=SECRET"]
    assert "SECRET" not in f"{error.value}{error.value.hint}"


def test_redirects_in_a_circle_come_to_an_end() -> None:
    asked: list[str] = []
    with source({"/a": "/b", "/b": "/a"}, asked=asked) as outer:
        sources = Sources(Policy(sources=(outer,), allow_loopback=True), {})
        with pytest.raises(SourceError, match="redirects more than"):
            list(sources.stream(f"{outer}/a"))
    assert len(asked) <= 6


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.0.0.2"])
def test_a_connection_to_an_inner_address_is_closed_before_anything_is_sent(name: str) -> None:
    host = "127.0.0.1" if name == "localhost" else name
    with (
        inner(host) as found,
        make_session(public_only=True, patience=Patience(connect=5.0, silence=5.0, retries=0)) as session,
    ):
        url = f"http://{name}:{found.port}/secret"
        with pytest.raises(WebError, match="not public"):
            session.get(url, headers={"Authorization": "SECRET"}, timeout=5)
    assert found.received == []
