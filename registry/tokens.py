"""Bearer tokens of the endpoint: made once, shown once, and kept as digests alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, get_args

from registry.errors import SettingsError

Scope = Literal["read", "write"]  # who may write may read, too
SCOPES: tuple[Scope, ...] = get_args(Scope)

_PREFIX = "rgt_"  # by which scanners know one that was left somewhere
_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LINE = re.compile(r"sha256:([0-9a-f]{64})[ \t]+([a-z]+)[ \t]+(\S+)")
_FORM = "each is `sha256:DIGEST SCOPE NAME`, as `registry token` prints it"


@dataclass(frozen=True)
class Token:
    """One token as it is kept: 256 random bits need no slow digest, since nobody guesses them."""

    name: str  # stands in logs, and in nothing else
    scope: Scope
    digest: bytes = field(repr=False)  # sha256 of what is sent

    def __str__(self) -> str:
        return f"sha256:{self.digest.hex()} {self.scope} {self.name}"


def make_token(name: str, scope: Scope) -> tuple[str, Token]:
    """A new token as it is sent, and as it is kept; raises SettingsError where the name is none."""
    if not _NAME.fullmatch(name):
        hint = "letters, digits and `._@-`, at most 64, such as `reconciler`"
        raise SettingsError(f"{name!r} cannot name a token", hint=hint)
    secret = _PREFIX + secrets.token_hex(_BYTES)
    return secret, keep(secret, scope, name)


def keep(secret: str, scope: Scope, name: str) -> Token:
    """What is kept of a token that somebody chose; raises SettingsError where there is nothing of it."""
    if not secret.strip():
        hint = "set REGISTRY_TOKEN to what `registry token` prints, or unset it"
        raise SettingsError("the endpoint's token is empty", hint=hint)
    return Token(name, scope, digest_of(secret))


def digest_of(secret: str) -> bytes:
    """The digest under which a token is kept."""
    return sha256(secret.strip().encode(errors="surrogatepass")).digest()


def parse_tokens(text: str, source: str) -> tuple[Token, ...]:
    """The tokens of a file or a variable, one a line or between commas, `#` before a remark; raises SettingsError."""
    tokens = tuple(_parse(text, source))
    _refuse_twins(tokens, source)
    if not tokens:
        raise SettingsError(f"{source} holds no token", hint=_FORM)
    return tokens


def _parse(text: str, source: str) -> Iterator[Token]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    for number, entry in enumerate((entry.strip() for line in lines for entry in line.split(",")), 1):
        if not entry:
            continue
        match = _LINE.fullmatch(entry)
        scope = next((scope for scope in SCOPES if match and match[2] == scope), None)
        if match is None or scope is None or not _NAME.fullmatch(match[3]):  # what stands there may be a token itself
            raise SettingsError(f"entry {number} of {source} is not a token's digest, scope and name", hint=_FORM)
        yield Token(match[3], scope, bytes.fromhex(match[1]))


def _refuse_twins(tokens: Sequence[Token], source: str) -> None:
    names = [token.name for token in tokens]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"{source} names two tokens `{twins[0]}`", hint="give each a name of its own")
