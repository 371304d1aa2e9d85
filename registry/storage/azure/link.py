"""URLs that anybody may read for some hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, UserDelegationKey, generate_blob_sas

from registry.errors import StorageError
from registry.storage.azure.client import Address, Credential, connect_service
from registry.storage.azure.errors import translated

SKEW = timedelta(minutes=5)  # a clock may be behind ours by this much
LONGEST = timedelta(days=7)  # Azure's limit for a user delegation key


class Linker:
    """Signs links with the account's key, or with a key that an identity asks for."""

    def __init__(self, address: Address, credential: Credential) -> None:
        self._address = address
        self._credential = credential
        self._service: BlobServiceClient | None = None
        self._delegation: UserDelegationKey | None = None
        self._until = datetime.min.replace(tzinfo=UTC)
        self._asking = Lock()

    def link(self, path: str, *, hours: int) -> str:
        """A read-only URL of the blob at `path`."""
        now = datetime.now(UTC)
        token = generate_blob_sas(
            self._address.account,
            self._address.container,
            path,
            permission=BlobSasPermissions(read=True),
            start=now - SKEW,
            expiry=now + timedelta(hours=hours),
            protocol="https" if self._address.service.startswith("https:") else "https,http",
            **self._signer(now, now + timedelta(hours=hours)),
        )
        return f"{self._address}/{quote(path, safe='/~')}?{token}"

    def close(self) -> None:
        """Give the connections back."""
        if self._service:
            self._service.close()

    def _signer(self, now: datetime, until: datetime) -> dict[str, Any]:
        if isinstance(self._credential, AzureNamedKeyCredential):
            return {"account_key": self._credential.named_key.key}
        if isinstance(self._credential, AzureSasCredential):
            raise StorageError(
                "a SAS cannot sign links for readers", hint="give AZURE_STORAGE_KEY, or use an identity (`az login`)"
            )
        with self._asking:
            return {"user_delegation_key": self._delegated(now, until)}

    def _delegated(self, now: datetime, until: datetime) -> UserDelegationKey:
        """The key asked for last, while it lasts as long as the link; the spare hour lets many links share one."""
        if self._delegation is None or self._until < until:
            end = max(until, min(until + timedelta(hours=1), now + LONGEST))
            self._service = self._service or connect_service(self._address, self._credential)
            with translated("ask for a user delegation key"):
                self._delegation = self._service.get_user_delegation_key(now - SKEW, end)
            self._until = end
        return self._delegation
