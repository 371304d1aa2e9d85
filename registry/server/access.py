"""Who may read and who may write."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from registry.errors import SettingsError
from registry.server.problems import ProblemError

SCHEME = 'Bearer realm="registry"'


@dataclass(frozen=True)
class Access:
    """One token for everything, and reads of public versions without it where the policy opens them."""

    token: str | None = field(repr=False)
    public_reads: bool = False

    def __post_init__(self) -> None:
        if self.token is not None and not self.token.strip():
            raise SettingsError(
                "the endpoint's token is empty", hint="set REGISTRY_TOKEN to a long random text, or unset it"
            )

    def may_write(self, authorization: str | None, host: str) -> None:
        """Raises ProblemError where this request may not change anything."""
        if self.token is None:
            _must_be_local(host)
        elif not self._is_valid(authorization):
            raise _unauthorized(authorization)

    def sees_private(self, authorization: str | None, host: str) -> bool:
        """Whether private versions are shown too; raises ProblemError where nothing is shown at all."""
        if self.token is None:
            _must_be_local(host)
            return True
        if self._is_valid(authorization):
            return True
        if not self.public_reads:
            raise _unauthorized(authorization)
        return False

    def _is_valid(self, authorization: str | None) -> bool:
        scheme, _, given = (authorization or "").partition(" ")
        expected = self.token or ""
        # Digests have one length, so that the time tells nothing of the token's.
        same = secrets.compare_digest(_digest(given.strip()), _digest(expected.strip()))
        return same and scheme.lower() == "bearer"


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="surrogatepass")).digest()


def _unauthorized(authorization: str | None) -> ProblemError:
    if authorization is None:
        detail, challenge = "a token is needed: send `Authorization: Bearer …`", SCHEME
    else:
        detail, challenge = "the token is not valid here", f'{SCHEME}, error="invalid_token"'
    return ProblemError(401, detail, headers={"WWW-Authenticate": challenge})


def _must_be_local(host: str) -> None:
    """Without a token only loopback is served; a page elsewhere must not reach it under a name of its own."""
    if not _is_loopback(host):
        detail = (
            "this endpoint has no token, so it answers only under a loopback name such as 127.0.0.1. Set REGISTRY_TOKEN"
        )
        raise ProblemError(403, detail, headers={"WWW-Authenticate": SCHEME})


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
