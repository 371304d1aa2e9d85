"""The identity of a job in GitHub Actions: each token that is asked for is asked for with a new proof."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from registry.errors import StorageError
from registry.patience import PATIENT
from registry.storage.azure.credentials import TokenCredential
from registry.web import NotJsonError, WebError, make_session, redact

AUDIENCE = "api://AzureADTokenExchange"


def make_identity(tenant: str, client: str, url: str, token: str) -> TokenCredential:
    """An identity of Entra ID that trusts the job; a proof lasts some minutes, and a run may last hours."""
    from azure.identity import ClientAssertionCredential

    identity: Any = ClientAssertionCredential(tenant, client, partial(ask_for_proof, url, token))
    credential: TokenCredential = identity
    return credential


def ask_for_proof(url: str, token: str) -> str:
    """What GitHub says of the job, signed; StorageError where it says nothing."""
    session = make_session(public_only=False)
    session.headers["Authorization"] = f"Bearer {token}"
    try:
        with session, session.get(url, params={"audience": AUDIENCE}, timeout=PATIENT.timeout) as answer:
            proof = answer.json().get("value") if answer.ok else None
    except (WebError, NotJsonError) as error:
        raise StorageError(f"{urlsplit(url).hostname} gives this job no identity: {redact(str(error))}") from None
    if not isinstance(proof, str):
        hint = "give the job `permissions: id-token: write`"
        raise StorageError(f"{urlsplit(url).hostname} gives this job no identity: {answer.status_code}", hint=hint)
    return proof
