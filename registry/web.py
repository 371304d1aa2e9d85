"""HTTP: one kind of session for everything that is not storage. The only import of requests."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ReadTimeoutError, SSLError
from urllib3.util import Retry

from registry.addresses import is_public

Session = requests.Session
Response = requests.Response
WebError = requests.RequestException  # whatever a call may raise
NotJsonError = requests.JSONDecodeError


class Patience(NamedTuple):
    """How long a call waits, and how often it is tried again."""

    timeout: tuple[float, float]  # seconds to connect, and between two bytes
    retries: int  # with 0.3 s, doubled each time and jittered: 4 are about 5 s in all
    is_obedient: bool = True  # waits as long as `Retry-After` says


PATIENT = Patience((10.0, 60.0), 4)
HASTY = Patience((5.0, 15.0), 1, is_obedient=False)  # for somebody who sits and waits

_RETRIED = (429, 500, 502, 503, 504)
_USER = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#'\"<>]*@")
_QUERY = re.compile(r"(https?://[^\s?'\"<>]+)\?[^\s'\"<>]*")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s'\"<>,;]+")
_SECRET = re.compile(r"(?i)\b(sig|token|accountkey|password)(['\"]?\s*(?:[=:]|%3d)\s*['\"]?)[^\s&'\"<>]+")


def redact(text: str) -> str:
    """The text without users and queries in URLs, and without anything that looks like a signature or a token."""
    for pattern in (_USER, _QUERY):
        text = pattern.sub(r"\1", text)
    return _SECRET.sub(r"\1\2***", _BEARER.sub(r"\1***", text))


class NotPublicError(NewConnectionError):
    """A name leads to an address that is not public."""


_CAUSES: tuple[tuple[type[Exception], str], ...] = (  # the narrow before the wide
    (NotPublicError, "its name leads to an address that is not public"),
    (NameResolutionError, "its name is not known"),
    (NewConnectionError, "it takes no connection"),
    (ConnectTimeoutError, "it takes no connection in time"),
    (ReadTimeoutError, "nothing comes in time"),
    (SSLError, "its certificate is not accepted"),
)


def cause_of(error: WebError) -> str:
    """Why a call failed, in words that follow a colon; the same words for the same cause."""
    chain = list(_chain(error))
    return next((words for kind, words in _CAUSES if any(isinstance(e, kind) for e in chain)), "the connection broke")


def is_not_public(error: WebError) -> bool:
    """Whether a call failed because it would have gone to an address that is not public."""
    return any(isinstance(e, NotPublicError) for e in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it wraps."""
    yield error
    for inner in (*error.args[:1], getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _chain(inner)


def make_session(*, public_only: bool, allow_loopback: bool = False, patience: Patience = PATIENT) -> Session:
    """A session that retries 429, 5xx and dropped connections with growing pauses, and honours Retry-After.

    With `public_only` a connection to an address that is not public is refused when it is made, whatever the name
    resolved to before.
    """
    retry = Retry(
        total=patience.retries,
        respect_retry_after_header=patience.is_obedient,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        status_forcelist=_RETRIED,
        allowed_methods=None,  # all of ours may be sent twice
        raise_on_status=False,
        redirect=0,
    )
    adapter = _PublicAdapter(retry, allow_loopback=allow_loopback) if public_only else HTTPAdapter(max_retries=retry)
    session = _Session()
    session.trust_env = not public_only  # a proxy would connect in our place, to any address
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(Session):
    """Leaves redirects alone; requests would read their bodies to the end, and trip over what is no URL."""

    def get_redirect_target(self, _: Response) -> None:
        return None


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
            raise NotPublicError(connection, f"{connection.host} is at {address}, which is not public")
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
