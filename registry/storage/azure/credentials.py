"""Who asks: the account's key, a SAS, or an identity whose tokens are renewed as they end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from email.utils import formatdate
from threading import Lock
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from registry.errors import SettingsError
from registry.storage.azure.address import Address
from registry.storage.azure.errors import ServiceError

SCOPE = "https://storage.azure.com/.default"
SPARE = 300.0  # seconds before its end in which a token is no longer used
# The headers that a signature covers beside those that begin with x-ms-, in the order of "Authorize with Shared Key".
_SIGNED = (
    "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
    "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
)  # fmt: skip


class Call(NamedTuple):
    """One request before it is authorized."""

    method: str
    path: str  # encoded
    query: dict[str, str]  # decoded
    headers: dict[str, str]


class TokenCredential(Protocol):
    """What azure-identity gives."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token with `token` and `expires_on`, in seconds since 1970."""


class Credential(Protocol):
    """Something that lets a request through."""

    sas: str  # what is added to the query; empty where a header says it

    def authorize(self, call: Call) -> None:
        """Add what is needed to the headers."""

    def renew(self) -> bool:
        """Whether another attempt has better prospects after a 401."""


class KeyCredential:
    """The account's shared key."""

    sas = ""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        try:
            self._key = base64.b64decode(key, validate=True)
        except ValueError:
            raise SettingsError("the storage key is not base64", hint="copy AZURE_STORAGE_KEY again") from None

    def sign(self, text: str) -> str:
        """HMAC-SHA256 in base64."""
        return sign(self._key, text)

    def authorize(self, call: Call) -> None:
        """Sign method, headers and address."""
        headers = call.headers
        headers["x-ms-date"] = formatdate(usegmt=True)
        own = sorted((name, value) for name, value in headers.items() if name.startswith("x-ms-"))
        length = headers.get("Content-Length")
        plain = {**headers, "Content-Length": "" if length == "0" else length or ""}
        lines = [call.method, *(plain.get(name, "") for name in _SIGNED)]
        lines += [f"{name}:{value}" for name, value in own]
        lines.append(f"/{self._account}{call.path}")
        lines += [f"{name}:{value}" for name, value in sorted(call.query.items())]
        headers["Authorization"] = f"SharedKey {self._account}:{self.sign(chr(10).join(lines))}"

    def renew(self) -> bool:
        """A key does not end."""
        return False


class SasCredential:
    """A shared access signature of the container or the account."""

    def __init__(self, sas: str) -> None:
        self.sas = sas.lstrip("?")

    def authorize(self, call: Call) -> None:
        """All is said in the query."""

    def renew(self) -> bool:
        """Nobody here can make another."""
        return False


class IdentityCredential:
    """Tokens of one identity, asked for again before they end: a run may last longer than any of them."""

    sas = ""

    def __init__(self, identity: TokenCredential) -> None:
        self._identity = identity
        self._token: Any = None
        self._asking = Lock()

    def bearer(self) -> str:
        """The value of an Authorization header that is good for some minutes."""
        with self._asking:
            if self._token is None or self._token.expires_on - time.time() < SPARE:
                self._token = self._asked()
            return f"Bearer {self._token.token}"

    def _asked(self) -> Any:
        try:
            return self._identity.get_token(SCOPE)
        except Exception as error:  # whatever the many ways to an identity raise
            raise ServiceError(401, reason=f"no token: {error}") from None

    def authorize(self, call: Call) -> None:
        """Show a token."""
        call.headers["Authorization"] = self.bearer()

    def renew(self) -> bool:
        """The next request asks for another token."""
        self._token = None
        return True


def sign(key: bytes, text: str) -> str:
    """HMAC-SHA256 in base64, as each signature of the service."""
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def make_credential(address: Address, key: str | None, sas: str | None, identity: TokenCredential | None) -> Credential:
    """The identity that is given, else the key, else the SAS, else the identity that azure-identity finds."""
    if key and not identity:
        return KeyCredential(address.account, key)
    if sas and not identity:
        return SasCredential(sas)
    if urlsplit(address.service).scheme != "https":
        raise SettingsError("an identity is sent over https only", hint="give AZURE_STORAGE_KEY for this storage")
    if identity is None:
        from azure.identity import DefaultAzureCredential  # 0.3 s to import, and not needed with a key

        identity = DefaultAzureCredential()
    return IdentityCredential(identity)
