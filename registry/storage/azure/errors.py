"""What the service refused becomes one of our errors here, without secrets and with the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from registry.errors import BlobChangedError, CopyNotOfferedError, SourceChangedError, StorageError

_NOTHING: Mapping[str, str] = {}
ACCESS = (
    "check AZURE_STORAGE_KEY, or `az login` and the roles Storage Blob Data Contributor and Storage Blob Delegator"
    " on the account"
)
RUNNING = "check that `storage` in [tool.registry] is right, that the account is reachable, and run again"
SECRETS = re.compile(
    r"\?[^\s\"'<>)\]]+|(?i:\b(?:sig|signature|accountkey|authorization|bearer)\b\s*[=: ]\s*[^\s&\"'<>]+)"
)


def redact(text: object) -> str:
    """The first line of a foreign message, without queries and signatures."""
    return SECRETS.sub("…", str(text).split("\n", 1)[0]).strip()


class ServiceError(Exception):
    """The service refused, or (status 0) did not answer."""

    def __init__(self, status: int, code: str = "", headers: Mapping[str, str] = _NOTHING, reason: str = "") -> None:
        super().__init__(f"{code} ({status})" if status else reason)
        self.status = status
        self.code = code  # the service's own word; empty when it said none
        self.headers = headers
        self.reason = reason  # what kept it from answering

    @property
    def is_exists(self) -> bool:
        """Whether something stands where a new blob was to be created."""
        return self.code in ("BlobAlreadyExists", "UnauthorizedBlobOverwrite")

    @property
    def is_missing(self) -> bool:
        """Whether there is no such blob; for who only asks, a missing container is the same."""
        return self.status == 404


class BrokenOffError(ServiceError):
    """An answer that began and did not come to its end."""


@contextmanager
def translated(what: str, *, unmet: type[StorageError] = BlobChangedError) -> Iterator[None]:
    """Refusals leave as ours; `unmet` is what a condition that does not hold means here."""
    try:
        yield
    except ServiceError as error:
        # The cause's own text can hold a SAS, so it may not be chained: a traceback would print it.
        raise _ours(what, error, unmet) from None


@contextmanager
def translated_copy(what: str, *, unmet: type[StorageError]) -> Iterator[None]:
    """As `translated`, and what speaks of the source leaves as SourceChangedError or CopyNotOfferedError."""
    try:
        yield
    except ServiceError as error:
        if error.code == "SourceConditionNotMet" or error.headers.get("x-ms-copy-source-status-code") == "412":
            hint = "run again when it no longer changes; a source that is pinned never should"
            raise SourceChangedError(f"{what}: the source changed meanwhile", hint=hint) from None
        if _speaks_of_the_source(error):
            raise CopyNotOfferedError(f"storage cannot fetch the source: {_reason(error)}") from None
        raise _ours(what, error, unmet) from None


def _speaks_of_the_source(error: ServiceError) -> bool:
    if "x-ms-copy-source-status-code" in error.headers or error.code.startswith("CannotVerifyCopySource"):
        return True
    if error.code == "ContainerNotFound":
        return False
    # Whatever else is refused for good, the stream either gets through or fails with a message of its own.
    return error.status in (400, 404, 405, 413, 416, 501) or error.code in (
        "CopyAcrossAccountsNotSupported",
        "CopySourceTooLarge",
        "InvalidSourceBlobType",
        "InvalidSourceBlobUrl",
    )


def _ours(what: str, error: ServiceError, unmet: type[StorageError]) -> StorageError:
    kind, hint = StorageError, ""
    if error.code.startswith("Lease"):
        hint = "somebody holds a lease on it: wait for the other run, or break the lease"
    elif error.is_exists or error.status == 412 or error.code == "PendingCopyOperation":
        kind = unmet
    elif error.code == "BlobNotFound" or (error.status == 404 and not error.code):
        kind = BlobChangedError
    elif error.status in (401, 403):
        hint = ACCESS
    elif error.code == "ContainerNotFound":
        hint = "create the container, or allow these credentials to"
    else:
        hint = RUNNING
    return kind(f"{what}: {_reason(error)}", hint=hint)


def _reason(error: ServiceError) -> str:
    """One line: the service's code and status, or what kept it from answering."""
    if error.code:
        return f"{error.code} ({error.status})"
    return redact(error.reason) or f"the service answers {error.status}"
