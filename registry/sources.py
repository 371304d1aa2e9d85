"""The only door to URLs that contributors wrote: policy, redirects, and whose credentials go where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from urllib.parse import urljoin, urlsplit

from registry.checks.sources import source_problem
from registry.errors import SourceError
from registry.policy import Policy
from registry.web import TIMEOUT, Response, WebError, make_session, redact

_CHUNK = 1024 * 1024
_MAX_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class Sources:
    """Reads what the policy allows, with the SAS of the account that a URL belongs to and of no other."""

    def __init__(self, policy: Policy, sas: Mapping[str, str]) -> None:
        self._policy = policy
        self._sas = sas
        self._session = make_session(public_only=True, allow_loopback=policy.allow_loopback)
        self._session.headers["Accept-Encoding"] = "identity"

    def signed(self, url: str) -> str:
        """The URL with the SAS that the environment holds for its account; raises SourceError if not allowed."""
        if problem := source_problem(url, self._policy):
            hint = "a maintainer can add its prefix to `sources` in [tool.registry.policy]"
            raise SourceError(f"the source {redact(url)} {problem}", hint=hint)
        sas = self._sas.get(_account(url) or "")
        return f"{url}?{sas}" if sas else url

    def stream(self, url: str) -> Iterator[bytes]:
        """The bytes in chunks, each redirect checked as the URL itself; raises SourceError."""
        for _ in range(_MAX_HOPS):
            with closing(self._get(url)) as response:
                if response.status_code not in _REDIRECTS:
                    yield from self._body(url, response)
                    return
                url = _next_hop(url, response.headers.get("Location", ""))
        raise SourceError(f"the source {redact(url)} redirects more than {_MAX_HOPS} times")

    def _get(self, url: str) -> Response:
        try:
            return self._session.get(self.signed(url), stream=True, timeout=TIMEOUT, allow_redirects=False)
        except WebError as error:
            hint = "running again may help; if not, see whether the address is right"
            raise SourceError(
                f"the source {redact(url)} does not answer: {redact(str(error))}", hint=hint, retryable=True
            ) from error

    def _body(self, url: str, response: Response) -> Iterator[bytes]:
        if response.status_code != 200:
            raise _refused(url, response.status_code)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            hint = "store the file as it is: storage copies its bytes, not what they unpack to"
            raise SourceError(f"the source {redact(url)} is sent encoded", hint=hint)
        try:
            yield from response.iter_content(_CHUNK)
        except WebError as error:
            raise SourceError(f"the source {redact(url)} broke off: {redact(str(error))}", retryable=True) from error


def _next_hop(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise SourceError(f"the source {redact(url)} redirects to what is no URL") from error


def _refused(url: str, status: int) -> SourceError:
    account = _account(url)
    hint = "see whether the file is still there"
    if status in (401, 403, 404) and account:
        hint = f"see whether it is there, and whether REGISTRY_SOURCE_SAS_{account.upper()} is set and has not expired"
    return SourceError(
        f"the source {redact(url)} answers {status}", hint=hint, retryable=status >= 500 or status == 429
    )


def _account(url: str) -> str | None:
    """The storage account of a URL: the first label of `*.blob.core.windows.net`; on loopback the first path part."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.endswith(".blob.core.windows.net"):
        return host.split(".")[0].lower()
    if host == "127.0.0.1":
        return parts.path.split("/")[1].lower() if "/" in parts.path else None
    return None
