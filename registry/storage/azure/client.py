"""The service's REST interface: one request and its answer, with time-outs and further attempts."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from registry.limiter import Limiter
from registry.patience import Patience
from registry.storage.azure.address import Address
from registry.storage.azure.credentials import Call, Credential
from registry.storage.azure.errors import BrokenOffError, ServiceError
from registry.web import PoolError, PoolRefusedError, PoolResponse, PoolTimeout, make_pool

VERSION = "2023-11-03"  # of the interface
# Tried again after 0.8, 1.6 and 3.2 s, or when the service says; a copy between regions may be silent for minutes.
PATIENT = Patience(slow=240.0, retries=3)
LONGEST_PAUSE = 30.0  # seconds: what a service asks for in Retry-After is believed up to here
GIVE_UP = 8.0  # seconds without a connection after which it is not tried again
_COMPLAINTS = (429, 503)
_AGAIN = (408, 429, 500, 502, 503, 504)
_CODE = re.compile(rb"<Code>([A-Za-z0-9]+)</Code>")
_NOTHING: Mapping[str, str] = {}


class Reply(NamedTuple):
    """An answer that was not refused."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def etag(self) -> str:
        """One spelling: headers have quotes, listings have none."""
        return self.headers.get("ETag", "").strip('"')


class Client:
    """Speaks to one container; several threads may use it at once."""

    def __init__(self, address: Address, credential: Credential, patience: Patience = PATIENT) -> None:
        self.address = address
        self.credential = credential
        self._patience = patience
        self._pool = make_pool(address.service, patience)
        self._limiter = Limiter()

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()

    def send(
        self,
        method: str,
        blob: str = "",
        query: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes = b"",
        *,
        path: str | None = None,
        patience: float | None = None,
        attempts: int | None = None,
    ) -> Reply:
        """The answer to a request about a blob, or the container where none is named; ServiceError where refused.

        `patience` is the longest silence in seconds.
        """
        target = self.address.path(blob) if path is None else path
        with self._opened(method, target, query, headers, body, patience, attempts) as response:
            return Reply(response.headers, response.data)

    def head(self, blob: str) -> Mapping[str, str] | None:
        """A blob's headers; None where nothing stands."""
        try:
            return self.send("HEAD", blob).headers
        except ServiceError as error:
            if error.is_missing:
                return None
            raise

    @contextmanager
    def open(self, blob: str, headers: Mapping[str, str]) -> Iterator[PoolResponse]:
        """A blob's bytes, yet to be read."""
        with self._opened("GET", self.address.path(blob), {}, headers, b"", None, None) as response:
            yield response

    @contextmanager
    def _opened(self, method: str, path: str, *rest: Any) -> Iterator[PoolResponse]:
        response = self._answer(method, path, *rest)
        try:
            if response.status >= 300:
                raise _refused(response)
            yield response
        except PoolError as error:
            raise BrokenOffError(0, reason=f"the answer broke off: {error}") from None
        finally:
            response.close()  # of one that was read to its end the connection is back already, and stays open
            response.release_conn()

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        patience: float | None,
        attempts: int | None,
    ) -> PoolResponse:
        """The last of several attempts; one 429 slows all workers."""
        first, renewed = time.monotonic(), False
        attempts = attempts or 1 + self._patience.retries
        for attempt in range(attempts):
            is_last = attempt + 1 == attempts
            self._limiter.wait()
            try:
                response = self._once(Call(method, path, dict(query), dict(headers)), body, patience)
            except PoolError as error:
                is_down = isinstance(error, PoolRefusedError) and time.monotonic() - first > GIVE_UP
                if is_last or is_down:
                    raise ServiceError(0, "", reason=f"storage cannot be reached: {error}") from None
                time.sleep(_backoff(attempt))
                continue
            if response.status not in _COMPLAINTS:
                self._limiter.speed_up()
            if response.status == 401 and not renewed and self.credential.renew():
                renewed = True
            elif response.status not in _AGAIN or is_last:
                return response
            else:
                self._pause(response, attempt)
            response.drain_conn()
            response.release_conn()
        raise ServiceError(401, "InvalidAuthenticationInfo")

    def _once(self, call: Call, body: bytes, patience: float | None) -> PoolResponse:
        call.headers["x-ms-version"] = VERSION
        if call.method in ("PUT", "POST"):
            call.headers["Content-Length"] = str(len(body))
            call.headers.setdefault("Content-Type", "application/octet-stream")
        self.credential.authorize(call)
        query = "&".join(part for part in (urlencode(call.query), self.credential.sas) if part)
        return self._pool.urlopen(
            call.method,
            f"{call.path}?{query}" if query else call.path,
            body=body or None,
            headers=call.headers,
            retries=False,
            redirect=False,
            timeout=PoolTimeout(connect=self._patience.connect, read=patience or self._patience.silence),
            preload_content=False,
            decode_content=False,
        )

    def _pause(self, response: PoolResponse, attempt: int) -> None:
        pause = max(_asked_for(response.headers), _backoff(attempt))
        if response.status in _COMPLAINTS:
            self._limiter.slow_down(pause)
        else:
            time.sleep(pause)


def _refused(response: PoolResponse) -> ServiceError:
    code = response.headers.get("x-ms-error-code", "")
    if found := _CODE.search(response.data):
        code = code or found.group(1).decode()
    return ServiceError(response.status, code, response.headers)


def _backoff(attempt: int) -> float:
    jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return jitter * 0.8 * (1 << attempt)


def _asked_for(headers: Mapping[str, str]) -> float:
    """Seconds in `Retry-After` (a number or a date) or its finer sister."""
    for name, unit in (("x-ms-retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = headers.get(name, "")
        if value.isdigit():
            return min(int(value) * unit, LONGEST_PAUSE)
    try:
        seconds = parsedate_to_datetime(headers.get("Retry-After", "")).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_PAUSE)
