"""Who may read and who may write."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.server.problems import ProblemError
from registry.tokens import Token, digest_of

SCHEME = 'Bearer realm="registry"'


@dataclass(frozen=True)
class Access:
    """Tokens for reading and for writing, and reads of public versions without one where the policy opens them."""

    tokens: tuple[Token, ...] = ()
    public_reads: bool = False

    def token_of(self, authorization: str | None) -> Token | None:
        """The token that a header carries, if it is one of ours; the time that takes tells nothing of it."""
        scheme, _, given = (authorization or "").partition(" ")
        digest = digest_of(given)
        found = None
        for token in self.tokens:  # each is compared, whichever it is
            found = token if secrets.compare_digest(digest, token.digest) else found
        return found if scheme.lower() == "bearer" else None

    def may_write(self, authorization: str | None, host: str) -> None:
        """Raises ProblemError where this request may not change anything."""
        if not self.tokens:
            _must_be_local(host)
            return
        token = self.token_of(authorization)
        if token is None:
            raise unauthorized(authorization)
        if token.scope != "write":
            challenge = f'{SCHEME}, error="insufficient_scope", scope="write"'
            detail = "the token is for reading alone: use one with the scope `write`"
            raise ProblemError(403, detail, headers={"WWW-Authenticate": challenge})

    def sees_private(self, authorization: str | None, host: str) -> bool:
        """Whether private versions are shown too; raises ProblemError where nothing is shown at all."""
        if not self.tokens:
            _must_be_local(host)
            return True
        if self.token_of(authorization):
            return True
        if not self.public_reads:
            raise unauthorized(authorization)
        return False


def unauthorized(authorization: str | None) -> ProblemError:
    """401 that says whether a token was sent."""
    if authorization is None:
        detail, challenge = "a token is needed: send `Authorization: Bearer …`", SCHEME
    else:
        detail, challenge = "the token is not valid here", f'{SCHEME}, error="invalid_token"'
    return ProblemError(401, detail, headers={"WWW-Authenticate": challenge})


def _must_be_local(host: str) -> None:
    """Without a token only loopback is served; a page elsewhere must not reach it under a name of its own."""
    if not _is_loopback(host):
        detail = (
            "this endpoint has no token, so it answers only under a loopback name such as 127.0.0.1."
            " Make one with `registry token`"
        )
        raise ProblemError(403, detail, headers={"WWW-Authenticate": SCHEME})


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
