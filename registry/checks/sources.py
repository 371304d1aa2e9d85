"""Sources and pins: where bytes may come from, and that git says what they are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from registry.addresses import address_of, is_public
from registry.facts import Answer
from registry.finding import Finding, Place
from registry.policy import Policy
from registry.snapshot import Version

_LOOPBACK = "127.0.0.1"
_NUMBER = re.compile(r"[0-9]{1,16}")
_AUTHORITY = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:[/\\]*([^/\\?#]*)")
_QUERY = re.compile(r"\?.|#.*=", re.DOTALL)
_ENCODED_QUERY = re.compile(r"\?[^/]*=")
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_sources(version: Version, policy: Policy) -> Iterator[Finding]:
    """Each source is `./file`, or a URL on the allow-list without credentials."""
    for target, source in version.sources.items():
        if found := _look(source, policy):
            rule, message, fix = found
            shown = None if rule == "source-credentials" else source
            yield source_place(version, target).finding(rule, message, found=shown, fix=fix)


def _look(source: str, policy: Policy) -> tuple[str, str, str | None] | None:
    """What is wrong with a source: rule, message and fix; None where nothing is."""
    if _is_plainly_allowed(source, policy):
        return None
    if source.startswith("./"):
        problem = local_problem(source[2:])
        return ("wrong-value", f"`{source}` {problem}", _plain_local(source[2:])) if problem else None
    if has_credentials(source):
        message = "the URL carries credentials. Take everything from `?` on and any user out; reconcile adds the SAS"
        return "source-credentials", message, _without_credentials(source)
    if "://" not in source:
        message = f"`{source}` is neither `./file` nor `https://…`. Did you mean `./{source}`?"
        return "wrong-value", message, f"./{source}"
    if problem := source_problem(source, policy):
        secure = re.sub("^http:", "https:", source)
        fix = secure if secure != source and source_problem(secure, policy) is None else None
        advice = f"Write `{fix}`" if fix else "Copy the file to an allowed place, or correct the URL"
        return "source-not-allowed", f"the source {problem}. {advice}", fix
    return None


def check_pins(version: Version, policy: Policy) -> Iterator[Finding]:
    """Each remote source has `sha256` and `size`."""
    files = version.descriptor.model_files.values() if version.descriptor else None
    if policy.pins == "off" or (files and all(file.sha256 and file.size for file in files if file.local is None)):
        return
    for target, source in version.sources.items():
        is_remote = "://" in source and not source.startswith("./")
        if is_remote and not all(version.text("model_files", target, pin) for pin in ("sha256", "size")):
            message = (
                f"`{target}` is remote and lacks `sha256` or `size`. Run `registry pin {version.id}`, which adds both"
            )
            finding = version.place("model_files", target).finding("pin-missing", message)
            yield finding.weighed("warning") if policy.pins == "warn" else finding


def check_answers(version: Version, _: Policy) -> Iterator[Finding]:
    """Each source that was asked gives the file, with as many bytes as the pin says."""
    for target, answer in version.facts.answers.items():
        for finding in _look_at_answer(version, target, answer):
            if answer.is_as_before:
                message = f"`{target}` is named as in the base, so this is no mistake of the change: {finding.message}"
                yield source_place(version, target).finding("source-unread", message)
            else:
                yield finding


def _look_at_answer(version: Version, target: str, answer: Answer) -> Iterator[Finding]:
    if answer.problem is not None:
        before = f"what `{target}` says is not judged: " if answer.problem == "unread" else ""
        yield source_place(version, target).finding(f"source-{answer.problem}", before + answer.reason)
    pinned = version.text("model_files", target, "size") or ""
    if answer.size is not None and _NUMBER.fullmatch(pinned) and int(pinned) != answer.size:
        message = (
            f"`size` of `{target}` is {int(pinned):,}, and its source has {answer.size:,} bytes. See whether the file "
            f"changed since it was pinned; if it is meant, run `registry pin --update {version.id}`"
        )
        place = version.place("model_files", target, "size")
        yield place.finding("pin-contradicts-source", message, found=pinned, expected=str(answer.size))


CHECKS = (check_sources, check_pins, check_answers)


def source_place(version: Version, target: str) -> Place:
    """Where a target's source is written, in the short form or the long one."""
    is_long = bool(version.keys("model_files", target))
    return version.place("model_files", target, *(("source",) if is_long else ()))


def local_problem(path: str) -> str | None:
    """Why a path is not that of a file beside the descriptor; None where it is."""
    if posixpath.normpath(path) != path or path.startswith(("/", "../")) or path in {".", ".."}:
        return "leaves the folder or takes a detour. Write the plain path of a file beside the descriptor"
    return None


def has_credentials(url: str) -> bool:
    """Whether a URL carries a user, a password or a query that signs it, also encoded or where it is hardly a URL."""
    once, twice = unquote(url), unquote(unquote(url))
    has_user = any((match := _AUTHORITY.match(text)) and "@" in match[1] for text in (url, once, twice))
    has_query = "://" in url and _QUERY.search(url)
    return has_user or bool(has_query or _ENCODED_QUERY.search(once) or _ENCODED_QUERY.search(twice))


def _without_credentials(url: str) -> str | None:
    """The URL without user, query and fragment; None where it is hardly a URL, or they are hidden in it."""
    try:
        parts = urlsplit(url)
        plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
    except ValueError:
        return None
    return None if has_credentials(plain) else plain


def _plain_local(path: str) -> str | None:
    """`./path` without detours; None where it leaves the folder."""
    plain = posixpath.normpath(path)
    return f"./{plain}" if local_problem(plain) is None else None


def source_problem(url: str, policy: Policy) -> str | None:
    """Why bytes may not be fetched from `url`, in words that follow "the source"; None where they may."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and host == _LOOPBACK and policy.allow_loopback):
        return f"is `{parts.scheme}:`; only https is fetched"
    if not host or parts.fragment or port == 0:
        return "is not a URL of a file"
    if "\\" in url or "%" in parts.netloc or " " in url or not url.isprintable() or _NO_ESCAPE.search(url):
        return "has characters that a URL does not have"
    if (address := address_of(host)) and not is_public(address, allow_loopback=policy.allow_loopback):
        return f"leads to {address}, which is not public"
    origin, path = _origin(parts), _plain_path(parts.path)
    if path is None or not any(_is_below(origin, path, prefix) for prefix in policy.sources):
        allowed = ", ".join(f"`{prefix}`" for prefix in policy.sources) or "only files in git are allowed"
        return f"is not on the allow-list `sources` of the settings: {allowed}"
    return None


# A path below a host and nothing else: no user, port, query or escape, and no part that begins with a dot.
_PLAIN = re.compile(r"https://[a-z0-9.-]+(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")


def _is_plainly_allowed(url: str, policy: Policy) -> bool:
    """Whether a URL without anything odd is below an allowed prefix: most are, and need no closer look."""
    return url.startswith(_open_folders(policy.sources)) and _PLAIN.fullmatch(url) is not None


@cache
def _open_folders(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes as folders, those under which a file may be read."""
    folders = (f"{prefix.rstrip('/')}/" for prefix in prefixes)
    return tuple(folder for folder in folders if source_problem(f"{folder}a", Policy(sources=prefixes)) is None)


_Origin = tuple[str, str | None, int | None]


def _is_below(origin: _Origin, path: str, prefix: str) -> bool:
    """Whether scheme, host, port and normalised path of a URL are those of the prefix, or below it."""
    allowed, root = _split_prefix(prefix)
    return origin == allowed and (path == root or path.startswith(f"{root}/"))


@cache
def _split_prefix(prefix: str) -> tuple[_Origin, str]:
    parts = urlsplit(prefix)
    return _origin(parts), parts.path.rstrip("/")


def _origin(url: SplitResult) -> _Origin:
    return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)


def _plain_path(path: str) -> str | None:
    """The path decoded; None where `..`, an encoded slash or double encoding could make it another path."""
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:  # such as a `..` in more bytes than it has
        return None
    if any(part.partition(";")[0] in {".", ".."} for part in decoded.split("/")):
        return None
    return None if re.search(r"(?i)%2f|%25", path) or re.search(r"[\\\x00-\x1f\x7f]|//", decoded) else decoded
