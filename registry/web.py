"""HTTP: sessions, and for storage a pool of connections. The only import of requests and urllib3."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout

Session = requests.Session
Response = requests.Response
WebError = requests.RequestException  # whatever a call may raise
NotJsonError = requests.JSONDecodeError
Pool = HTTPConnectionPool
PoolResponse = BaseHTTPResponse
PoolTimeout = Timeout
PoolError = HTTPError  # whatever a call may raise
PoolRefusedError = (NewConnectionError, ConnectTimeoutError)  # no connection was made

TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two bytes
RETRIES = 4  # with 0.3 s, doubled each time and jittered: about 5 s in all
_RETRIED = (429, 500, 502, 503, 504)
_USER = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#'\"<>]*@")
_QUERY = re.compile(r"(https?://[^\s?'\"<>]+)\?[^\s'\"<>]*")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s'\"<>,;]+")
_SECRET = re.compile(r"(?i)\b(sig|token|accountkey|password)(['\"]?\s*(?:[=:]|%3d)\s*['\"]?)[^\s&'\"<>]+")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # what IANA has given out: RFC 4291, 2.4
_NOT_PUBLIC = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's own: every virtual machine reaches its host there
    ipaddress.IPv4Network("192.0.0.0/24"),  # IANA's for protocols; older Pythons take most of it for public
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


def redact(text: str) -> str:
    """The text without users and queries in URLs, and without anything that looks like a signature or a token."""
    for pattern in (_USER, _QUERY):
        text = pattern.sub(r"\1", text)
    return _SECRET.sub(r"\1\2***", _BEARER.sub(r"\1***", text))


def make_session(*, public_only: bool, allow_loopback: bool = False, retries: int = RETRIES) -> Session:
    """A session that retries 429, 5xx and dropped connections with growing pauses, and honours Retry-After.

    With `public_only` a connection to an address that is not public is refused when it is made, whatever the name
    resolved to before.
    """
    retry = Retry(
        total=retries,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        status_forcelist=_RETRIED,
        allowed_methods=None,  # all of ours may be sent twice
        raise_on_status=False,
        redirect=0,
    )
    adapter = _PublicAdapter(retry, allow_loopback=allow_loopback) if public_only else HTTPAdapter(max_retries=retry)
    session = Session()
    session.trust_env = not public_only  # a proxy would connect in our place, to any address
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def make_pool(url: str, *, connections: int) -> Pool:
    """Connections to the one server of `url`, through the proxy and with the certificates that the environment names.

    Without what a session does for each call, which costs three times the call itself; the caller tries again.
    """
    found = Session().merge_environment_settings(url, {}, None, None, None)
    # A plain proxy wants other requests; storage without TLS is an emulator on this machine.
    proxies = found["proxies"] if url.startswith("https:") else {}
    adapter = HTTPAdapter(pool_maxsize=connections)
    request = requests.Request("GET", url).prepare()
    pool = adapter.get_connection_with_tls_context(request, found["verify"], proxies, found["cert"])
    assert isinstance(pool, Pool)  # noqa: S101 - the types of requests say less than it gives
    return pool


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an address belongs to the public network, in whatever notation it is embedded."""
    ip = ipaddress.ip_address(address.split("%")[0])
    embedded = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else (ip,)
    if allow_loopback and [str(v4) for v4 in embedded] == ["127.0.0.1"]:
        return True
    if not embedded:
        return ip in _GLOBAL_UNICAST and ip.is_global
    return all(_is_public_v4(v4) for v4 in embedded)


def _is_public_v4(ip: ipaddress.IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def _embedded(ip: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that packets to an IPv6 address end at."""
    if ip in _NAT64:
        return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
    mapped = ip.ipv4_mapped or ip.sixtofour
    return (mapped,) if mapped else ip.teredo or ()


class _PublicAdapter(HTTPAdapter):
    """Looks at the address that a socket is really connected to, before anything is sent."""

    def __init__(self, retry: Retry, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _public_pools(allow_loopback=self._allow_loopback)


def _public_pools(*, allow_loopback: bool) -> dict[str, type[HTTPConnectionPool]]:
    def checked(connection: HTTPConnection, connected: socket.socket) -> socket.socket:
        address = connected.getpeername()[0]
        if not is_public(address, allow_loopback=allow_loopback):
            connected.close()
            raise NewConnectionError(connection, f"{connection.host} is at {address}, which is not public")
        return connected

    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}
