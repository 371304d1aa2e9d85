"""Secrets in text: recognised by their form, and named by their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

from registry.lines import place_at, with_line_feeds

_MOST = 20  # of one file are named
_BINARY = 8192  # bytes; a file with a NUL among these is no text, as for git
_NEAR = 200  # characters beside a signature: there its URL says what it signs
_SIGNED = re.compile(r"(?:^|[?&;]|\\u0026)(?:sv|se|st|sp|spr|sr|srt|ss|skv|sks|ske)=")  # keys of a SAS beside `sig`

_compile = cache(re.compile)  # only what is needed: most files hold none of the words


class Leak(NamedTuple):
    """A secret in a text: the rule it breaks, what it is in words, and where; lines and columns count from 1."""

    rule: str
    what: str
    line: int
    column: int


class _Form(NamedTuple):
    """What a kind of secret looks like; one of the words stands in each text that holds it, and is found faster."""

    rule: str
    what: str
    words: tuple[str, ...]
    pattern: str  # the group `secret` is what nobody may see, and is where it stands, unless `at` is
    is_meant: Callable[[re.Match[str]], bool]


def find_leaks(data: bytes) -> tuple[Leak, ...]:
    """The secrets in a file, in their order; none in one that is no text."""
    if b"\0" in data[:_BINARY]:
        return ()
    stems = _STEMS if b"=" in data else _STEMS_WITHOUT_EQUALS
    forms = {form: None for stem, words in stems if stem in data for word, form in words if word in data}
    if not forms:
        return ()
    text = with_line_feeds(data.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
    found = sorted(_matches(text, forms), key=lambda found: found[1].span())
    return tuple(islice(_leaks(text, found), _MOST))


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """The characters of a text that are secrets: from, and up to."""
    forms = {form: None for form in _FORMS if any(word in text for word in form.words)}
    return (match.span("secret") for _, match in _matches(text, forms))


def _matches(text: str, forms: Iterable[_Form]) -> Iterator[tuple[_Form, re.Match[str]]]:
    for form in forms:
        yield from ((form, match) for match in _compile(form.pattern).finditer(text) if form.is_meant(match))


def _leaks(text: str, found: list[tuple[_Form, re.Match[str]]]) -> Iterator[Leak]:
    """One leak for those that overlap: a token in a header, or as the password of a URL."""
    end = -1
    for form, match in found:
        if match.start() >= end:
            start = match.start("at" if "at" in match.re.groupindex else "secret")
            yield Leak(form.rule, form.what, *place_at(text, start))
        end = max(end, match.end())


def _is_real(match: re.Match[str]) -> bool:
    """Whether this is not `xxxxxxxx` and not `your-token`."""
    return not re.search(r"(?i)x{6}|your[_-]", match["secret"])


def _is_value(match: re.Match[str]) -> bool:
    """Whether this is not `%s` and not `PASSWORD`, either."""
    return _is_real(match) and not re.fullmatch(r"%s|%\(.*|[A-Z_]+", match["secret"])


def _is_mixed(match: re.Match[str]) -> bool:
    """Whether this is not a word, either."""
    return _is_value(match) and not re.fullmatch(r"[a-z_.-]+|[A-Z]?[a-z]+", match["secret"])


def _is_of_a_sas(match: re.Match[str]) -> bool:
    """Whether the URL says beside `sig` what it signs."""
    before = re.split(r"[\s\"'<>]", match.string[max(0, match.start() - _NEAR) : match.start()])[-1]
    after = re.split(r"[\s\"'<>]", match.string[match.end() : match.end() + _NEAR])[0]
    return _is_value(match) and bool(_SIGNED.search(before) or _SIGNED.search(after))


def _form(
    rule: str, what: str, words: str, pattern: str, is_meant: Callable[[re.Match[str]], bool] = _is_real
) -> _Form:
    return _Form(rule, what, tuple(words.split()), pattern, is_meant)


def _token(what: str, words: str, pattern: str) -> _Form:
    """A token that stands alone: no letter, digit or `_` directly before or after it."""
    return _form("access-token", what, words, rf"(?<![A-Za-z0-9_])(?P<secret>{pattern})(?![A-Za-z0-9_])")


_ASSIGNED = r"[\"']?\]?\s{0,3}[:=,]\s{0,3}[\"']?"  # between a name and its value, in code, YAML and JSON

# No pattern looks at a character more than a bounded number of times: files are written by strangers.
_FORMS = (
    _form(
        "private-key",
        "a private key",
        "-----BEGIN",
        r"(?P<at>-----BEGIN )(?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?P<secret>(?:\s|\\[nr]){1,80}[A-Za-z0-9+/](?:[^-]|-(?!----)){3,20000})",
    ),
    _form(
        "url-secret",
        "a SAS",
        "sig=",
        r"(?:(?<![A-Za-z0-9_])|(?<=\\u0026))sig=(?P<secret>[A-Za-z0-9%+/_=-]{6,})",
        _is_of_a_sas,
    ),
    _form(
        "url-secret",
        "a signed URL",
        "-Signature=",
        r"X-(?:Amz|Goog)-Signature=(?P<secret>[0-9a-fA-F]{32,})",
    ),
    _form(
        "url-secret",
        "a URL with a token",
        "token= key= secret= password=",
        r"[?&](?:access_token|auth_token|token|api_?key|secret|password)=(?P<secret>[A-Za-z0-9._~+/%=-]{16,})",
        _is_mixed,
    ),
    _form(
        "url-secret",
        "a URL with a token",
        "/t/",
        r"(?<=/t/)(?P<secret>[a-z]{2}-[0-9a-f]{8}-[0-9a-f-]{27})(?=/)",  # of a conda channel
    ),
    _form(
        "url-secret",
        "a URL with a password",
        "@",
        r"://[^\s/@:\"'<>`|]{0,200}:(?P<secret>[^\s/@\"'<>`|{}$*\\]{1,500})@(?=[A-Za-z0-9\[])",
        _is_value,
    ),
    _form(
        "url-secret",
        "a webhook's URL",
        "hooks.slack.com",
        r"hooks\.slack\.com/services/(?P<secret>T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,})",
    ),
    _form(
        "access-token",
        "a storage account's key",
        "AccountKey= SharedAccessKey=",
        r"(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{20,}={0,2})",
    ),
    _form(
        "access-token",
        "a storage account's key",
        "==",
        rf"(?i:key){_ASSIGNED}(?P<secret>[A-Za-z0-9+/]{{86}}==)",
    ),
    _form(
        "access-token",
        "a secret key of AWS",
        "ecret ECRET",
        rf"(?i:secret_?(?:access_?)?key){_ASSIGNED}(?P<secret>[A-Za-z0-9+/]{{40}})(?![A-Za-z0-9+/=])",
    ),
    _form(
        "access-token",
        "an `Authorization` header with a token",
        "uthorization UTHORIZATION",
        rf"(?i:authorization){_ASSIGNED}(?i:bearer|basic|token)\s{{1,3}}(?P<secret>[A-Za-z0-9._~+/-]{{8,}}=*)",
        _is_mixed,
    ),
    _form(
        "access-token",
        "a key of Weights & Biases",
        "wandb WANDB",
        rf"(?i:wandb)(?i:[_-]?api[_-]?key{_ASSIGNED}|\.login\((?:key=)?[\"'])(?P<secret>[0-9a-f]{{40}})(?![0-9a-f])",
    ),
    _token("a client's secret of Entra ID", "~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    _token("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    _token("a GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{20,}"),
    _token("a GitLab token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _token("a Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{24,}"),
    _token("an access key of AWS", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    _token("a Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _token("a PyPI token", "pypi-", r"pypi-(?:AgE[A-Za-z0-9_-]{10,}|[A-Za-z0-9_-]{85,})"),
    _token("a token of the endpoint", "rgt_", r"rgt_[0-9a-f]{64}"),
    _token("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _token("a Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _token("an API key", "sk-", r"sk-(?:(?:proj|svcacct|admin|ant)-[A-Za-z0-9_-]{32,}|[A-Za-z0-9]{40,})"),
    _form(
        "access-token",
        "a signed token (JWT)",
        "eyJ",
        r"(?<![A-Za-z0-9_-])(?P<secret>eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
    ),
)
_WORDS = tuple((word.encode(), form) for form in _FORMS for word in form.words)


def _by_stem(words: Iterable[tuple[bytes, _Form]]) -> tuple[tuple[bytes, tuple[tuple[bytes, _Form], ...]], ...]:
    """The words by what several of them hold, or by themselves: one look for many."""
    found: dict[bytes, list[tuple[bytes, _Form]]] = {}
    for word, form in words:
        stem = next((stem for stem in (b"gh", b"IA") if stem in word), word)
        found.setdefault(stem, []).append((word, form))
    return tuple((stem, tuple(those)) for stem, those in found.items())


_STEMS = _by_stem(_WORDS)
_STEMS_WITHOUT_EQUALS = _by_stem((word, form) for word, form in _WORDS if b"=" not in word)
