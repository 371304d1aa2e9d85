"""Secrets in a text, hidden: no report shows them, whatever is wrong around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.leaks import secret_spans

Span = tuple[int, int]  # characters of a text, from and up to

_ANY = re.compile(r"(?i)://|pas|psw|pwd|bearer |sig|token|key|secret")
_TOKEN = re.compile(r"[^\s`]+")
_USER = re.compile(r"://(?P<secret>[^/?#]+)(?=@)")
_NAMED = (
    re.compile(r"(?i)\bbearer (?P<secret>[^\s'\"<>,;]{6,})"),
    re.compile(
        r"(?ia)(?:\bsig|token|key|secret)['\"]?[ \t]*+[=:][ \t]*+(?P<secret>\"[^\"\n]+|'[^'\n]+|[\w+/=%-]{20,})"
    ),
    re.compile(r"(?s)PRIVATE KEY-----(?P<secret>.+?)(?=-----END|\Z)"),
)
# Also with a slip in the word; what is only named is shown.
_PASSWORD = re.compile(r"(?i)(?:\b|_)(?:pas\w{0,30}+|pwd|psw\w{0,30}+)['\"]?\s*+[=:]\s*+(?!['\"]?\$\{env:)")
_QUOTED = re.compile(r"""(?s)"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'""")


def hide_secrets(text: str) -> str:
    """The text with `*` for each character of a password, a token, a private key, and a user or query in a URL."""
    finders = (secret_spans, _in_urls, _named, _passwords) if _ANY.search(text) else (secret_spans,)
    chars = list(text)
    for find in finders:
        for start, end in find(text):
            chars[start:end] = re.sub(r"[^\r\n]", "*", text[start:end])
    return "".join(chars)


def _in_urls(text: str) -> Iterator[Span]:
    for token in _TOKEN.finditer(text):
        if (scheme := text.find("://", *token.span())) < 0:
            continue
        yield from (user.span("secret") for user in _USER.finditer(text, scheme, token.end()))
        if (query := text.find("?", scheme, token.end())) >= 0:
            yield query + 1, token.end()


def _named(text: str) -> Iterator[Span]:
    for pattern in _NAMED:
        yield from (match.span("secret") for match in pattern.finditer(text))


def _passwords(text: str) -> Iterator[Span]:
    """What follows the word: a text in quotes, or the rest of its line and the lines below that are indented more."""
    end = 0
    for match in _PASSWORD.finditer(text):
        if match.start() >= end:
            quoted = _QUOTED.match(text, match.end())
            end = quoted.end() if quoted else _end_of_block(text, match)
            yield match.end(), end


def _end_of_block(text: str, password: re.Match[str]) -> int:
    before = text[text.rfind("\n", 0, password.start()) + 1 : password.start()]
    indent = len(before) - len(before.lstrip(" \t"))
    block = re.compile(rf".*(?:\n[ \t]{{{indent + 1}}}.*|\n[ \t]*(?=\n|\Z))*+").match(text, password.end())
    return block.end() if block else password.end()
