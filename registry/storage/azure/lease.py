"""A lock that its holder cannot leave behind: a blob lease of a minute, renewed while the holder lives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import uuid4

from registry.errors import LockError
from registry.storage.azure.client import Client
from registry.storage.azure.errors import ServiceError, redact, translated

SECONDS = 60  # the longest lease Azure gives that ends by itself
RENEWAL = 15.0  # seconds between renewals
AGAIN = 2.0  # seconds after a renewal that storage did not answer
POLL = 1.0  # seconds between two attempts to get it
LOST = (404, 409, 412)

log = logging.getLogger(__name__)


class BlobHold:
    """The hold on one blob; certain for a minute from the moment the last successful renewal was sent."""

    def __init__(self, client: Client, path: str, renewal: float) -> None:
        self._client = client
        self._path = path
        self._id = str(uuid4())
        self._renewal = renewal
        self._until = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._renew_until_ended, name="lease", daemon=True)

    def remaining(self) -> float:
        """Seconds for which the hold is certain; 0 once lost."""
        return max(0.0, self._until - time.monotonic())

    def read(self) -> bytes:
        """What the last holder wrote."""
        self._must_hold()
        with self._lost_is_lock_error():
            return self._client.send("GET", self._path, headers={"x-ms-lease-id": self._id}).content

    def write(self, content: bytes) -> None:
        """Say who holds it; LockError once the hold is lost."""
        self._must_hold()
        headers = {"x-ms-lease-id": self._id, "x-ms-blob-type": "BlockBlob"}
        with self._lost_is_lock_error():
            self._client.send("PUT", self._path, headers=headers, body=content)

    def acquire(self, make_container: Callable[[], None]) -> bool:
        """Whether it is ours now; the blob is made where it is missing."""
        sent = time.monotonic()
        try:
            # The id is ours: where the answer is lost, asking again with it is granted.
            self._act("acquire", {"x-ms-lease-duration": str(SECONDS), "x-ms-proposed-lease-id": self._id})
        except ServiceError as error:
            if error.code.startswith("Lease"):  # present, or being broken
                return False
            if not error.is_missing:
                raise
            if error.code != "BlobNotFound":
                make_container()
            self._make_empty()
            return self.acquire(make_container)
        self._until = sent + SECONDS
        self._thread.start()
        return True

    def release(self) -> None:
        """Let it go now; when storage does not answer, it ends by itself."""
        self._ended.set()
        self._thread.join()
        self._until = 0.0
        try:
            self._act("release", attempts=2)
        except ServiceError as error:
            log.warning("lease on %s not released, it ends within %d s: %s", self._path, SECONDS, redact(error))

    def holder(self) -> bytes:
        """Who holds it, as far as that can be read."""
        try:
            return self._client.send("GET", self._path).content
        except ServiceError as error:
            # The lock's own error is the news; who holds it is told when it can be.
            log.debug("cannot read %s: %s", self._path, redact(error))
            return b""

    def _act(
        self,
        action: str,
        headers: dict[str, str] | None = None,
        *,
        attempts: int | None = None,
        patience: float | None = None,
    ) -> None:
        words = {"x-ms-lease-action": action, **({"x-ms-lease-id": self._id} if action != "acquire" else {})}
        query = {"comp": "lease"}
        self._client.send("PUT", self._path, query, {**words, **(headers or {})}, attempts=attempts, patience=patience)

    def _make_empty(self) -> None:
        try:
            self._client.send("PUT", self._path, headers={"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"})
        except ServiceError as error:
            if not error.is_exists and error.status != 412:
                raise
            log.debug("%s was made by another run", self._path)

    def _renew_until_ended(self) -> None:
        pause = self._renewal
        while not self._ended.wait(pause):
            pause = self._renewal if self._renew() else AGAIN

    def _renew(self) -> bool:
        sent = time.monotonic()
        try:
            # An answer after half a minute is of no use, and another attempt can be.
            self._act("renew", attempts=1, patience=10)
        except ServiceError as error:
            if error.status in LOST:
                self._until = 0.0
                self._ended.set()
            return False
        self._until = sent + SECONDS
        return True

    def _must_hold(self) -> None:
        if not self.remaining():
            raise LockError(f"the lock {self._path} was lost", holder=self.holder())

    @contextmanager
    def _lost_is_lock_error(self) -> Iterator[None]:
        with translated(f"use the lock {self._path}"):
            try:
                yield
            except ServiceError as error:
                if error.status not in LOST:
                    raise
                raise LockError(f"the lock {self._path} was lost: {error.code}", holder=self.holder()) from None


@contextmanager
def hold(
    client: Client, path: str, timeout: float, *, make_container: Callable[[], None], renewal: float = RENEWAL
) -> Iterator[BlobHold]:
    """Hold the blob until the block ends; LockError with the holder when it cannot be had in `timeout` seconds."""
    held = BlobHold(client, path, renewal)
    deadline = time.monotonic() + timeout
    with translated(f"lock {path}"):
        while not held.acquire(make_container):
            if time.monotonic() >= deadline:
                raise LockError(f"somebody else holds {path}", holder=held.holder())
            time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
    try:
        yield held
    finally:
        held.release()
