"""A lock that its holder cannot leave behind: a blob lease of a minute, renewed while the holder lives."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient

from registry.errors import LockError
from registry.storage.azure.errors import code_of, redact, status_of, translated

SECONDS = 60  # the longest lease Azure gives that ends by itself
RENEWAL = 15.0  # seconds between renewals
AGAIN = 2.0  # seconds after a renewal that storage did not answer
POLL = 1.0  # seconds between two attempts to get it

log = logging.getLogger(__name__)


class BlobHold:
    """The hold on one blob; certain for a minute from the moment the last successful renewal was sent."""

    def __init__(self, blob: BlobClient, renewal: float) -> None:
        self._blob = blob
        self._lease = BlobLeaseClient(blob)
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
        with _lost_is_lock_error(self._blob):
            return self._blob.download_blob(lease=self._lease).readall()

    def write(self, content: bytes) -> None:
        """Say who holds it; LockError once the hold is lost."""
        self._must_hold()
        with _lost_is_lock_error(self._blob):
            self._blob.upload_blob(content, overwrite=True, lease=self._lease)

    def acquire(self) -> bool:
        """Whether it is ours now; the blob is made where it is missing."""
        sent = time.monotonic()
        try:
            self._lease.acquire(SECONDS)
        except ResourceExistsError as error:
            if code_of(error).startswith("Lease"):  # present, or being broken
                return False
            raise
        except ResourceNotFoundError:
            _make_empty(self._blob)
            return self.acquire()
        self._until = sent + SECONDS
        self._thread.start()
        return True

    def release(self) -> None:
        """Let it go now; when storage does not answer, it ends by itself."""
        self._ended.set()
        self._thread.join()
        self._until = 0.0
        try:
            self._lease.release(retry_total=1)
        except AzureError as error:
            log.warning(
                "lease on %s not released, it ends within %d s: %s", self._blob.blob_name, SECONDS, redact(error)
            )

    def _renew_until_ended(self) -> None:
        pause = self._renewal
        while not self._ended.wait(pause):
            pause = self._renewal if self._renew() else AGAIN

    def _renew(self) -> bool:
        sent = time.monotonic()
        try:
            # An answer after half a minute is of no use, and another attempt can be.
            self._lease.renew(retry_total=0, read_timeout=10)
        except HttpResponseError as error:
            if status_of(error) in (404, 409, 412):
                self._until = 0.0
                self._ended.set()
            return False
        except AzureError:
            return False
        self._until = sent + SECONDS
        return True

    def _must_hold(self) -> None:
        if not self.remaining():
            raise LockError(f"the lock {self._blob.blob_name} was lost", holder=_holder(self._blob))


@contextmanager
def hold(blob: BlobClient, timeout: float, *, renewal: float = RENEWAL) -> Iterator[BlobHold]:
    """Hold the blob until the block ends; LockError with the holder when it cannot be had in `timeout` seconds."""
    held = BlobHold(blob, renewal)
    deadline = time.monotonic() + timeout
    with translated(f"lock {blob.blob_name}"):
        while not held.acquire():
            if time.monotonic() >= deadline:
                raise LockError(f"somebody else holds {blob.blob_name}", holder=_holder(blob))
            time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
    try:
        yield held
    finally:
        held.release()


def _make_empty(blob: BlobClient) -> None:
    try:
        blob.upload_blob(b"", overwrite=True, match_condition=MatchConditions.IfMissing)
    except ResourceExistsError:
        log.debug("%s was made by another run", blob.blob_name)


def _holder(blob: BlobClient) -> bytes:
    try:
        return blob.download_blob().readall()
    except AzureError as error:
        # The lock's own error is the news; who holds it is told when it can be.
        log.debug("cannot read %s: %s", blob.blob_name, redact(error))
        return b""


@contextmanager
def _lost_is_lock_error(blob: BlobClient) -> Iterator[None]:
    with translated(f"use the lock {blob.blob_name}"):
        try:
            yield
        except HttpResponseError as error:
            if status_of(error) not in (404, 409, 412):
                raise
            raise LockError(f"the lock {blob.blob_name} was lost: {code_of(error)}", holder=_holder(blob)) from None
