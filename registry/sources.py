"""The only door to URLs that contributors wrote: policy, redirects, and whose credentials go where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

from registry.checks.sources import source_problem
from registry.errors import SourceError
from registry.policy import Policy
from registry.storage import AT_ONCE, Source
from registry.web import TIMEOUT, Response, WebError, make_session, redact

_CHUNK = 1024 * 1024
_MAX_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_CLOSED = (401, 403, 404, 409)  # what Azure answers where a SAS is missing or wrong, or public access is off
_AZURE = ".blob.core.windows.net"
_AZURE_VERSION = "2023-11-03"  # of its interface: tokens need one
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Sources:
    """Reads what the policy allows, with the SAS of the account that a URL belongs to and of no other."""

    def __init__(self, policy: Policy, sas: Mapping[str, str], bearer: Callable[[], str] | None = None) -> None:
        self._policy = policy
        self._sas = sas
        self._bearer = bearer  # an Authorization header for Azure, where an identity gives one
        self._is_open: dict[str, bool] = {}  # account → whether everybody may read it
        self._session = make_session(public_only=True, allow_loopback=policy.allow_loopback)
        self._session.headers["Accept-Encoding"] = "identity"

    def signed(self, url: str) -> str:
        """The URL with the SAS that the environment holds for its account; raises SourceError if not allowed."""
        if problem := source_problem(url, self._policy):
            hint = "a maintainer can add its prefix to `sources` in [tool.registry.policy]"
            raise SourceError(f"the source {redact(url)} {problem}", hint=hint)
        sas = self._sas.get(_account(url) or "")
        return f"{url}?{sas}" if sas else url

    def locate(self, url: str, size: int | None, *, look: bool) -> Source:
        """Where the service may fetch it: behind all redirects. What it copies in parts is named by its etag.

        Asks the source where that is needed, or with `look` always; raises SourceError.
        """
        account, bearer = _azure_account(url), self._authorization(url)
        is_known = self._bearer is None or account is None or account in self._sas or account in self._is_open
        if not look and is_known and size is not None and size <= AT_ONCE and _account(url):
            return Source(self.signed(url), size, authorization=bearer)
        with self.answer(url, {"Range": "bytes=0-0"}, (200, 206, 416)) as response:
            etag = response.headers.get("ETag") if _account(url) else None
            return Source(str(response.url), _size(response), etag, self._authorization(str(response.url)))

    def stream(self, url: str) -> Iterator[bytes]:
        """The bytes in chunks, each redirect checked as the URL itself; raises SourceError."""
        with self.answer(url) as response:
            yield from self._body(url, response)

    @contextmanager
    def answer(
        self, url: str, headers: Mapping[str, str] = _NOTHING, statuses: tuple[int, ...] = (200,)
    ) -> Iterator[Response]:
        """What is answered after all redirects, its body yet to be read; SourceError where the status is another."""
        for _ in range(_MAX_HOPS):
            with closing(self._get(url, headers)) as response:
                if response.status_code not in _REDIRECTS:
                    if response.status_code not in statuses:
                        raise _refused(url, response.status_code)
                    yield response
                    return
                url = _next_hop(url, response.headers.get("Location", ""))
        raise SourceError(f"the source {redact(url)} redirects more than {_MAX_HOPS} times")

    def _get(self, url: str, headers: Mapping[str, str]) -> Response:
        response, account = self._ask(url, headers, self._authorization(url)), _azure_account(url)
        if account is None or account in self._is_open:
            return response
        if response.status_code not in _CLOSED:
            self._is_open[account] = True
        elif self._bearer is not None and account not in self._sas:
            trusted = self._ask(url, headers, self._bearer())
            if trusted.status_code < 400:  # else it may just not be there, and tells nothing of the account
                self._is_open[account] = False
                response.close()
                return trusted
            trusted.close()
        return response

    def _authorization(self, url: str) -> str | None:
        """The header for an account of Azure that has no SAS here and is not open to everybody."""
        account = _azure_account(url)
        if self._bearer is None or account is None or account in self._sas or self._is_open.get(account, True):
            return None
        return self._bearer()

    def _ask(self, url: str, headers: Mapping[str, str], bearer: str | None) -> Response:
        if bearer:
            headers = {**headers, "Authorization": bearer, "x-ms-version": _AZURE_VERSION}
        try:
            return self._session.get(
                self.signed(url), headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False
            )
        except WebError as error:
            hint = "running again may help; if not, see whether the address is right"
            raise SourceError(
                f"the source {redact(url)} does not answer: {redact(str(error))}", hint=hint, retryable=True
            ) from error

    def _body(self, url: str, response: Response) -> Iterator[bytes]:
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
    if host.endswith(_AZURE):
        return host.split(".")[0].lower()
    if host == "127.0.0.1":
        return parts.path.split("/")[1].lower() if "/" in parts.path else None
    return None


def _azure_account(url: str) -> str | None:
    """The account of a URL that leads to Azure itself: a token is sent nowhere else."""
    parts = urlsplit(url)
    return _account(url) if parts.scheme == "https" and (parts.hostname or "").endswith(_AZURE) else None


def _size(response: Response) -> int | None:
    """The size of the whole file, of which one byte was asked for."""
    whole = response.headers.get("Content-Range", "").rpartition("/")[2]
    length = whole if response.status_code != 200 else response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None
