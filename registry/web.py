"""HTTP: one kind of session for everything that is not storage. The only import of requests."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Retry

from registry.addresses import is_public
from registry.limiter import Limiters

Session = requests.Session
Response = requests.Response
WebError = requests.RequestException  # whatever a call may raise


class Patience(NamedTuple):
    """How long a call waits, and how often it is tried again."""

    timeout: tuple[float, float]  # seconds to connect, and between two bytes
    retries: int  # with 0.3 s, doubled each time and jittered: 4 are about 5 s in all, or what the service asks for
    is_obedient: bool = True  # waits as long as `Retry-After` says


PATIENT = Patience((10.0, 60.0), 4)
HASTY = Patience((5.0, 15.0), 1, is_obedient=False)  # for somebody who sits and waits

LONGEST = 120.0  # seconds after the first failure in which another attempt is begun, and for a whole answer to come
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


def read_whole(response: Response, *, most: int, seconds: float = LONGEST) -> bytes:
    """The body of a streamed answer; raises WebError where it is too long, or too slow in coming."""
    begun, body = time.monotonic(), bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > most:
            raise WebError(f"the answer has more than {most:,} bytes")
        if time.monotonic() - begun > seconds:
            raise requests.ReadTimeout(f"the answer took more than {seconds:.0f} s to come")
    return bytes(body)


def make_session(
    *,
    public_only: bool,
    allow_loopback: bool = False,
    patience: Patience = PATIENT,
    limiters: Limiters | None = None,
) -> Session:
    """A session that retries 429, 5xx and dropped connections with growing pauses, and honours Retry-After; one
    complaint of a service slows down all that share the limiters.

    With `public_only` a connection to an address that is not public is refused when it is made, whatever the name
    resolved to before.
    """
    retry = _Retry(
        total=patience.retries,
        respect_retry_after_header=patience.is_obedient,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        status_forcelist=_RETRIED,
        allowed_methods=None,  # all of ours may be sent twice
        raise_on_status=False,
        redirect=0,
    )
    retry.limiters = limiters or Limiters()
    adapter = _PublicAdapter(retry, allow_loopback=allow_loopback) if public_only else _PacedAdapter(retry)
    session = _Session()
    session.trust_env = not public_only  # a proxy would connect in our place, to any address
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(Session):
    """Leaves redirects alone; requests would read their bodies to the end, and trip over what is no URL."""

    def get_redirect_target(self, _: Response) -> None:
        return None


class _Retry(Retry):
    """Retries at a pace that all workers share, and not for ever."""

    limiters: Limiters
    _service = ""
    _first: float | None = None  # when the first attempt had failed

    def new(self, **changes: Any) -> Self:
        """The same with changes."""
        other = super().new(**changes)
        other.limiters, other._service, other._first = self.limiters, self._service, self._first
        return other

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        """What is left after a failure; raises MaxRetryError where nothing is, or where it would be too late."""
        self._first = self._first or time.monotonic()
        response, pool = kwargs.get("response"), kwargs.get("_pool")
        if time.monotonic() + self._asked(response) > self._first + LONGEST:
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


class _PacedAdapter(HTTPAdapter):
    """Sends at the pace that the service seems to bear."""

    def __init__(self, retry: _Retry) -> None:
        self._limiters = retry.limiters
        super().__init__(max_retries=retry, pool_maxsize=_CONNECTIONS)

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


class _PublicAdapter(_PacedAdapter):
    """Looks at the address that a socket is really connected to, before anything is sent."""

    def __init__(self, retry: _Retry, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        super().__init__(retry)

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
