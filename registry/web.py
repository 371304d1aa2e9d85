"""HTTP: sessions, and for storage a pool of connections. The only import of requests and urllib3."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout

from registry.addresses import is_public
from registry.limiter import Limiters
from registry.patience import PATIENT, Patience, TimedResponse

Session = requests.Session
Response = requests.Response
WebError = requests.RequestException  # whatever a call may raise
NotJsonError = requests.JSONDecodeError
Pool = HTTPConnectionPool
PoolResponse = BaseHTTPResponse
PoolTimeout = Timeout
PoolError = HTTPError  # whatever a call may raise
PoolRefusedError = (NewConnectionError, ConnectTimeoutError)  # no connection was made

BrokenOffError = requests.exceptions.ChunkedEncodingError  # a body that ended early, in chunks or not
IsAllowed = Callable[[str], bool]  # whether one may talk to this address

_COMPLAINTS = (429, 503)
_CONNECTIONS = 64  # kept open to one service: as many as there can be workers
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


def read_whole(response: Response, *, most: int) -> bytes:
    """The body of a streamed answer; raises WebError where it is too long, breaks off, or is too slow in coming."""
    body = bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > most:
            raise WebError(f"the answer has more than {most:,} bytes")
    return bytes(body)


def make_session(
    *,
    public_only: bool,
    allow_loopback: bool = False,
    patience: Patience = PATIENT,
    limiters: Limiters | None = None,
) -> Session:
    """A session that retries 429, 5xx and dropped connections with growing pauses, and honours Retry-After; one
    complaint of a service slows down all that share the limiters. It waits for nothing for ever.

    With `public_only` a connection to an address that is not public is refused when it is made, whatever the name
    resolved to before.
    """
    is_allowed = partial(is_public, allow_loopback=allow_loopback) if public_only else _is_any
    adapter = _Adapter(patience, limiters or Limiters(), is_allowed)
    session = _Session()
    session.trust_env = not public_only  # a proxy would connect in our place, to any address
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(Session):
    """Leaves redirects alone; requests would read their bodies to the end, and trip over what is no URL."""

    def get_redirect_target(self, _: Response) -> None:
        return None


class _Retries(Retry):
    """Retries at a pace that all workers share, and not for ever."""

    limiters: Limiters
    patience: Patience
    _service = ""
    _first: float | None = None  # when the first attempt had failed

    def new(self, **changes: Any) -> Self:
        """The same with changes."""
        other = super().new(**changes)
        other.limiters, other.patience = self.limiters, self.patience
        other._service, other._first = self._service, self._first
        return other

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        """What is left after a failure; raises MaxRetryError where nothing is, or where it would be too late."""
        self._first = self._first or time.monotonic()
        response, pool = kwargs.get("response"), kwargs.get("_pool")
        if time.monotonic() + self._asked(response) > self._first + self.patience.again:
            self.total = 0
        if pool is not None:
            self._service = f"{pool.host}:{pool.port}"
        return super().increment(*args, **kwargs)

    def sleep(self, response: Any = None) -> None:
        """Wait as long as the service asks for, or as the number of failures suggests; the others wait too."""
        seconds = self._asked(response) or self.get_backoff_time()
        limiter = self.limiters.of(self._service)
        if response is not None and response.status in _COMPLAINTS:
            limiter.slow_down(seconds)
        else:
            time.sleep(seconds)
        limiter.wait()

    def _asked(self, response: Any) -> float:
        """Seconds that an answer asks to wait for, where that is obeyed."""
        is_heard = response is not None and self.respect_retry_after_header
        return (self.get_retry_after(response) or 0.0) if is_heard else 0.0

    def parse_retry_after(self, retry_after: str) -> float:
        """Seconds, whether the header gives them or a date; none for what is neither."""
        try:
            return super().parse_retry_after(retry_after)
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0


def _make_retries(patience: Patience, limiters: Limiters) -> _Retries:
    retries = _Retries(
        total=patience.retries,
        respect_retry_after_header=patience.is_obedient,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        status_forcelist=_RETRIED,
        allowed_methods=None,  # all of ours may be sent twice
        raise_on_status=False,
        redirect=0,
    )
    retries.limiters, retries.patience = limiters, patience
    return retries


def make_pool(url: str, patience: Patience) -> Pool:
    """Connections to the one server of `url`, through the proxy and with the certificates that the environment names.

    Without what a session does for each call, which costs three times the call itself; the caller tries again, and says
    with each call how long it may be silent.
    """
    found = Session().merge_environment_settings(url, {}, None, None, None)
    # A plain proxy wants other requests; storage without TLS is an emulator on this machine.
    proxies = found["proxies"] if url.startswith("https:") else {}
    adapter = _Adapter(patience, Limiters(), _is_any)
    request = requests.Request("GET", url).prepare()
    pool = adapter.get_connection_with_tls_context(request, found["verify"], proxies, found["cert"])
    assert isinstance(pool, Pool)  # noqa: S101 - the types of requests say less than it gives
    return pool


class _Adapter(HTTPAdapter):
    """Sends at the pace that the service seems to bear, to addresses that are allowed, and looks at the clock."""

    def __init__(self, patience: Patience, limiters: Limiters, is_allowed: IsAllowed) -> None:
        self._limiters = limiters
        self._pools = _make_pools(patience, is_allowed)
        super().__init__(max_retries=_make_retries(patience, limiters), pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """The answer."""
        parts = urlsplit(request.url or "")
        limiter = self._limiters.of(f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
        limiter.wait()
        response = super().send(request, *args, **kwargs)
        if response.status_code in _COMPLAINTS:
            limiter.slow_down(0.0)
        else:
            limiter.speed_up()
        return response


def _is_any(_: str) -> bool:
    return True


def _make_pools(patience: Patience, is_allowed: IsAllowed) -> dict[str, type[HTTPConnectionPool]]:
    def checked(connection: HTTPConnection, connected: socket.socket) -> socket.socket:
        # The address that the socket is really connected to, before anything is sent.
        address = connected.getpeername()[0]
        if not is_allowed(address):
            connected.close()
            raise NotPublicError(connection, f"{connection.host} is at {address}, which is not public")
        return connected

    timed = staticmethod(partial(TimedResponse, patience))

    class PlainConnection(HTTPConnection):
        response_class = timed  # type: ignore[assignment]

        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class SecureConnection(HTTPSConnection):
        response_class = timed  # type: ignore[assignment]

        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}
