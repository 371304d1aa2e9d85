"""The way to one container: its address, the credentials, retries and time-outs."""

from __future__ import annotations

import base64
import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential, TokenCredential
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobServiceClient, ContainerClient, ExponentialRetry

from registry.errors import SettingsError

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineRequest, PipelineResponse

MIB = 1024 * 1024
Credential = AzureNamedKeyCredential | AzureSasCredential | TokenCredential
LONGEST_PAUSE = 30.0  # seconds: what a service asks for in Retry-After is believed up to here
GIVE_UP = 8.0  # seconds without a connection after which it is not tried again


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes: what one request carries. The defaults are the service's limits or well below."""

    block: int = 8 * MIB  # one uploaded block; 50,000 of them make a blob
    chunk: int = 8 * MIB  # one chunk of a read
    one_copy: int = 256 * MIB  # Copy Blob From URL takes no larger source
    copied_block: int = 64 * MIB  # one Put Block From URL
    copies_at_once: int = 4


@dataclass(frozen=True)
class Address:
    """A container's URL, taken apart."""

    service: str  # without a slash at the end
    account: str
    container: str

    def __str__(self) -> str:
        return f"{self.service}/{self.container}"


def parse_address(url: str) -> Address:
    """Host style (`https://account.…/models`) or path style (`http://127.0.0.1:1/account/models`), or SettingsError."""
    parts = urlsplit(url)
    path = parts.path.strip("/").split("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise SettingsError("the storage URL must be https://account.blob.core.windows.net/container, no query")
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    if len(path) == 2:
        return Address(f"{origin}/{path[0]}", path[0], _container(path[1]))
    if len(path) == 1:
        return Address(origin, parts.hostname.split(".")[0], _container(path[0]))
    raise SettingsError("the storage URL must name one container and nothing in it")


def _container(name: str) -> str:
    if not re.fullmatch(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name):
        raise SettingsError(f"{name!r} is no name of a container: 3 to 63 of a-z, 0-9 and single hyphens")
    return name


def connect(address: Address, credential: Credential, limits: Limits) -> ContainerClient:
    """A client that has not yet asked for anything."""
    sizes: dict[str, Any] = {"max_single_get_size": limits.chunk, "max_chunk_get_size": limits.chunk}
    return ContainerClient(address.service, address.container, credential=credential, **sizes, **_patience())


def connect_service(address: Address, credential: Credential) -> BlobServiceClient:
    """The account's client: it alone gives user delegation keys."""
    return BlobServiceClient(address.service, credential=credential, **_patience())


def make_credential(address: Address, key: str | None, sas: str | None) -> Credential:
    """The key, else the SAS, else the identity that azure-identity finds."""
    if key:
        _check_key(key)
        return AzureNamedKeyCredential(address.account, key)
    if sas:
        return AzureSasCredential(sas.lstrip("?"))
    if not address.service.startswith("https:"):
        raise SettingsError("an identity is sent over https only", hint="give AZURE_STORAGE_KEY for this storage")
    from azure.identity import DefaultAzureCredential  # 0.3 s to import, and not needed with a key

    return DefaultAzureCredential()


def _check_key(key: str) -> None:
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise SettingsError("the storage key is not base64", hint="copy AZURE_STORAGE_KEY again") from None


def _patience() -> dict[str, Any]:
    return {"retry_policy": Retry(retry_total=3), "connection_timeout": 10, "read_timeout": 60}


class Retry(ExponentialRetry):
    """Three more attempts after 0.8, 1.6 and 3.2 s, or later when the service says so; one 429 slows all workers."""

    _quiet_until = 0.0

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """The answer, after waiting out what another worker was told."""
        attempts = request.context.options.get("retry_total", self.total_retries) + 1
        for attempt in range(attempts):
            if (quiet := self._quiet_until - time.monotonic()) > 0:
                time.sleep(quiet)
            response: PipelineResponse[Any, Any] = super().send(request)  # type: ignore[no-untyped-call]
            # The SDK takes no 4xx for worth retrying, 429 included.
            if response.http_response.status_code != 429 or attempt + 1 == attempts:
                break
            self._quiet_until = time.monotonic() + max(_asked_for(response.http_response), _backoff(attempt))
        return response

    def increment(self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None) -> bool:
        """Whether to try again; a host that does not even take connections is given up sooner."""
        settings["pause"] = _asked_for(response)
        settings.setdefault("first", time.monotonic())
        if isinstance(error, ServiceRequestError) and time.monotonic() - settings["first"] > GIVE_UP:
            return False
        return super().increment(settings, request, response, error)

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Seconds to wait."""
        return max(float(settings.get("pause", 0.0)), _backoff(settings["count"] - 1))


def _backoff(attempt: int) -> float:
    jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return jitter * 0.8 * (1 << attempt)


def _asked_for(response: Any) -> float:
    """Seconds in `Retry-After` or its finer sister; Azure sends no dates there."""
    headers = getattr(response, "headers", None) or {}
    for name, unit in (("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.isdigit():
            return min(int(value) * unit, LONGEST_PAUSE)
    return 0.0
