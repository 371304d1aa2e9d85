"""What every request passes: its id, its caller's pace, measures, a line in the log, and headers for browsers."""

from __future__ import annotations

import ipaddress
import math
import re
import secrets
import time
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.server.access import Access
from registry.server.journal import REQUEST_ID, log_mistake, log_request
from registry.server.metrics import Metrics
from registry.server.pace import Pace
from registry.server.problems import ProblemError, render_problem
from registry.wire import API

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
MOST_AT_ONCE = 512  # requests in flight; each may hold a body of 8 MiB
_NO_ROUTE = "none"
_GONE = 499  # as proxies log it: the caller left before there was an answer
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STRICT = "max-age=31536000"  # seconds: a year


@dataclass
class _Answer:
    """What became of one request."""

    status: int = 0


class Entrance:
    """The application with its door; `pace` is None where everybody may send as much as they like."""

    def __init__(self, inner: ASGIApp, access: Access, metrics: Metrics, pace: Pace | None) -> None:
        self._inner, self._access, self._metrics, self._pace = inner, access, metrics, pace
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers, begin, answer = Headers(scope=scope), time.perf_counter(), _Answer()
        identity = _identity(headers.get("x-request-id", ""))
        marked = REQUEST_ID.set(identity)
        caller, self._in_flight = self._caller(scope, headers), self._in_flight + 1
        self._metrics.in_flight.set(self._in_flight)
        try:
            await self._answer(scope, receive, _completed(scope, send, identity, answer), headers, caller)
        except Exception as error:  # answered by now, or too late to answer
            log_mistake(error)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.set(self._in_flight)
            _tell(self._metrics, scope, answer.status, time.perf_counter() - begin, caller)
            REQUEST_ID.reset(marked)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers, caller: str) -> None:
        if problem := self._refusal(scope, headers, caller):
            await render_problem(problem)(scope, receive, send)
        else:
            await self._inner(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, caller: str) -> ProblemError | None:
        """Why this request goes no further."""
        if "host" in headers and not _HOST.fullmatch(headers["host"]):
            return ProblemError(400, "the header `Host` names no host")
        if scope["path"] == "/healthz":  # who watches over the process is never turned away
            return None
        if self._pace and (seconds := self._pace.wait(caller)):
            after = str(math.ceil(seconds))
            return ProblemError(429, f"too many requests; try again in {after} s", headers={"Retry-After": after})
        if self._in_flight > MOST_AT_ONCE:
            return ProblemError(503, "too many requests at once; try again", headers={"Retry-After": "1"})
        return None

    def _caller(self, scope: Scope, headers: Headers) -> str:
        """The name of the token, or else the address; of an IPv6 address the network, all of which one caller owns."""
        if token := self._access.token_of(headers.get("authorization")):
            return token.name
        address = scope["client"][0] if scope.get("client") else "unknown"
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return str(address)[:64]
        return str(ipaddress.IPv6Network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _identity(given: str) -> str:
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def _completed(scope: Scope, send: Send, identity: str, answer: _Answer) -> Send:
    """Sends on, with the headers that each answer has; what a route says of itself stays."""

    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if scope["scheme"] == "https":
                headers.setdefault("Strict-Transport-Security", _STRICT)
            headers["X-Request-ID"] = identity
        await send(message)

    return complete


def _route(scope: Scope) -> str:
    """The path with its parameters by name; a router knows its routes without the base of the API."""
    path: str = getattr(scope.get("route"), "path", _NO_ROUTE)
    is_below = scope["path"].startswith(f"{API}/") and path != _NO_ROUTE and not path.startswith(f"{API}/")
    return API + path if is_below else path


def _tell(metrics: Metrics, scope: Scope, status: int, seconds: float, caller: str) -> None:
    route, status = _route(scope), status or _GONE
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    metrics.count(scope["method"], route, status, seconds)
    log_request(scope["method"], path, route, status, seconds, caller)
