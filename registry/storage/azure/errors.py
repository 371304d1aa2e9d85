"""Azure's exceptions become ours here, without secrets and with the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError

from registry.errors import BlobChangedError, CopyNotOfferedError, StorageError

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


def code_of(error: AzureError) -> str:
    """The service's own word for the error; empty when it did not answer."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def status_of(error: AzureError) -> int:
    """The HTTP status; 0 when there was no answer."""
    return getattr(error, "status_code", None) or 0


@contextmanager
def translated(what: str, *, unmet: type[StorageError] = BlobChangedError) -> Iterator[None]:
    """Azure's errors leave as ours; `unmet` is what a condition that does not hold means here."""
    try:
        yield
    except AzureError as error:
        # The cause's own text can hold a SAS, so it may not be chained: a traceback would print it.
        raise _ours(what, error, unmet) from None


@contextmanager
def translated_copy(what: str, *, unmet: type[StorageError]) -> Iterator[None]:
    """As `translated`, and what speaks of the source leaves as CopyNotOfferedError."""
    try:
        yield
    except AzureError as error:
        if _speaks_of_the_source(error):
            raise CopyNotOfferedError(f"{what}: {_reason(error)}") from None
        raise _ours(what, error, unmet) from None


def _speaks_of_the_source(error: AzureError) -> bool:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    if "x-ms-copy-source-status-code" in headers or code_of(error).startswith("CannotVerifyCopySource"):
        return True
    # Whatever else is refused for good, the stream either gets through or fails with a message of its own.
    return status_of(error) in (400, 404, 413, 416, 501) or code_of(error) in (
        "CopyAcrossAccountsNotSupported",
        "CopySourceTooLarge",
        "InvalidSourceBlobType",
        "InvalidSourceBlobUrl",
    )


def _ours(what: str, error: AzureError, unmet: type[StorageError]) -> StorageError:
    code, status = code_of(error), status_of(error)
    if code.startswith("Lease"):
        kind, hint = StorageError, "somebody holds a lease on it: wait for the other run, or break the lease"
    elif code in ("BlobAlreadyExists", "UnauthorizedBlobOverwrite") or status == 412:
        kind, hint = unmet, ""
    elif code == "BlobNotFound":
        kind, hint = BlobChangedError, ""
    else:
        kind, hint = StorageError, _hint(error, code, status)
    return kind(f"{what}: {_reason(error)}", hint=hint)


def _hint(error: AzureError, code: str, status: int) -> str:
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return ACCESS
    if code == "ContainerNotFound":
        return "create the container, or allow these credentials to"
    return RUNNING


def _reason(error: AzureError) -> str:
    """One line: the service's code and status, or what kept it from answering."""
    if isinstance(error, HttpResponseError) and (code := code_of(error)):
        return f"{code} ({status_of(error)})"
    if isinstance(error, ServiceRequestError):
        return f"storage cannot be reached: {redact(error)}"
    return redact(error) or type(error).__name__
