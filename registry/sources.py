"""The only door to URLs that contributors wrote: policy, redirects, and whose credentials go where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

from registry.checks.sources import has_credentials, source_problem
from registry.errors import CopyError, SourceError, SourceProblem
from registry.patience import PATIENT, Patience
from registry.policy import Policy
from registry.storage import AT_ONCE, Source
from registry.web import Response, WebError, cause_of, is_not_public, make_session, redact

_CHUNK = 1024 * 1024
_MAX_HOPS = 5
_SHOWN = 200  # characters of an address that a server wrote
_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_CLOSED = (401, 403, 404, 409)  # what Azure answers where a SAS is missing or wrong, or public access is off
_AZURE = ".blob.core.windows.net"
_AZURE_VERSION = "2023-11-03"  # of its interface: tokens need one
_BUSY = (408, 425, 429)
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ALLOW = "a maintainer can add its prefix to `sources` in [tool.registry.policy]"
_AGAIN = "running again may help; if not, see whether the address is right"


class Sources:
    """Reads what the policy allows, with the SAS of the account that a URL belongs to and of no other."""

    def __init__(
        self,
        policy: Policy,
        sas: Mapping[str, str],
        bearer: Callable[[], str] | None = None,
        *,
        patience: Patience = PATIENT,
    ) -> None:
        self._policy = policy
        self._sas = sas
        self._bearer = bearer  # an Authorization header for Azure, where an identity gives one
        self._is_open: dict[str, bool] = {}  # account → whether everybody may read it
        self._timeout = patience.timeout
        self._session = make_session(public_only=True, allow_loopback=policy.allow_loopback, patience=patience)
        self._session.headers["Accept-Encoding"] = "identity"

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def is_allowed(self, url: str) -> bool:
        """Whether a contributor's URL is fetched at all; a rule says why not."""
        return not has_credentials(url) and source_problem(url, self._policy) is None

    def problem(self, url: str) -> str | None:
        """Why the policy does not let the URL be fetched, in words that follow "the source"; it may be signed."""
        return source_problem(url, self._policy)

    def signed(self, url: str) -> str:
        """The URL with the SAS that the environment holds for its account; raises SourceError if not allowed."""
        if problem := source_problem(url, self._policy):
            raise SourceError(f"the source {redact(url)} {problem}", hint=_ALLOW)
        sas = self._sas.get(_account(url) or "")
        return f"{url}?{sas}" if sas and "?" not in url else url  # a client of the API may have signed it itself

    def locate(self, url: str, size: int | None, *, look: bool) -> Source:
        """Where the service may fetch it: behind all redirects. What it copies in parts is named by its etag.

        Asks the source where that is needed, or with `look` always; raises SourceError, and CopyError where it is not
        as large as its pin says: then nothing needs to be copied.
        """
        account, bearer = _azure_account(url), self._authorization(url)
        is_known = self._bearer is None or account is None or account in self._sas or account in self._is_open
        if not look and is_known and size is not None and size <= AT_ONCE and _account(url):
            return Source(self.signed(url), size, authorization=bearer, look=partial(self.locate, url, size, look=True))
        with self.answer(url, {"Range": "bytes=0-0"}, (200, 206, 416)) as response:
            place, headers, found = str(response.url), response.headers, _size(response)
            if size is not None and found not in (None, size):
                message = f"the source {redact(url)} has {found:,} bytes, and the descriptor says {size:,}"
                raise CopyError(
                    message, hint="see whether the source changed; correct `sha256` and `size`, or the source"
                )
            etag, md5 = (headers.get("ETag"), headers.get("x-ms-blob-content-md5")) if _account(url) else (None, None)
            return Source(place, found, etag, self._authorization(place), md5)

    def stream(self, url: str) -> Iterator[bytes]:
        """The bytes in chunks, each redirect checked as the URL itself; raises SourceError."""
        with self.answer(url) as response:
            yield from self.body(url, response, _CHUNK)

    @contextmanager
    def answer(
        self, url: str, headers: Mapping[str, str] = _NOTHING, statuses: tuple[int, ...] = (200,)
    ) -> Iterator[Response]:
        """What is answered after all redirects, its body yet to be read; SourceError where the status is another."""
        place = url
        for _ in range(_MAX_HOPS):
            with closing(self._get(url, place, headers)) as response:
                if response.status_code not in _REDIRECTS:
                    _check(url, place, response, statuses)
                    yield response
                    return
                place = self._next(url, place, response.headers.get("Location", ""))
        message = f"the source {redact(url)} redirects more than {_MAX_HOPS} times"
        raise SourceError(message, hint="give the URL of the file itself", problem="redirected")

    def body(self, url: str, response: Response, chunk: int) -> Iterator[bytes]:
        """The bytes of an answer in chunks; raises SourceError where they break off."""
        try:
            yield from response.iter_content(chunk)
        except WebError as error:
            message = f"the source {redact(url)} broke off: {cause_of(error)}"
            raise SourceError(message, hint=_AGAIN, problem="unreachable") from error

    def _get(self, url: str, place: str, headers: Mapping[str, str]) -> Response:
        response, account = self._ask(url, place, headers, self._authorization(place)), _azure_account(place)
        if account is None or account in self._is_open:
            return response
        if response.status_code not in _CLOSED:
            self._is_open[account] = True
        elif self._bearer is not None and account not in self._sas:
            trusted = self._ask(url, place, headers, self._bearer())
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

    def _ask(self, url: str, place: str, headers: Mapping[str, str], bearer: str | None) -> Response:
        signed = self.signed(place)
        if bearer:
            headers = {**headers, "Authorization": bearer, "x-ms-version": _AZURE_VERSION}
        try:
            return self._session.get(signed, headers=headers, stream=True, timeout=self._timeout, allow_redirects=False)
        except WebError as error:
            message = f"{_named(url, place)} does not answer: {cause_of(error)}"
            if is_not_public(error):
                hint = "put the file where everybody can reach it"
                problem: SourceProblem = "refused" if place == url else "redirected"
                raise SourceError(message, hint=hint, problem=problem) from error
            raise SourceError(message, hint=_AGAIN, problem="unreachable") from error

    def _next(self, url: str, place: str, location: str) -> str:
        """Where a redirect leads, if it may be followed."""
        try:
            following = urljoin(place, location)
            problem = source_problem(following, self._policy)
        except ValueError:
            following, problem = location, "is no URL"
        if problem:
            shown = redact(following)[:_SHOWN]
            message = f"the source {redact(url)} redirects to {shown}, which {problem}"
            raise SourceError(message, hint=_ALLOW, problem="redirected")
        return following


def _check(url: str, place: str, response: Response, statuses: tuple[int, ...]) -> None:
    if response.status_code not in statuses:
        raise _refused(url, place, response.status_code)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        hint = "store the file as it is: storage copies its bytes, not what they unpack to"
        raise SourceError(f"{_named(url, place)} is sent encoded", hint=hint)


def _refused(url: str, place: str, status: int) -> SourceError:
    problem: SourceProblem = "gone" if status in _GONE else "refused"
    account, hint = _account(place), "see whether the file is still there, and whether everybody may read it"
    if status >= 500 or status in _BUSY:
        problem, hint = "unreachable", _AGAIN
    elif status in _CLOSED and account:
        hint = f"see whether it is there, and whether REGISTRY_SOURCE_SAS_{account.upper()} is set and has not expired"
    return SourceError(f"{_named(url, place)} answers {status}", hint=hint, problem=problem)


def _named(url: str, place: str) -> str:
    """The source as a contributor wrote it, and where it has led to."""
    return f"the source {redact(url)}" + (f", which redirects to {redact(place)[:_SHOWN]}," if place != url else "")


def _account(url: str) -> str | None:
    """The storage account of a URL: the first label of `*.blob.core.windows.net`; on loopback the first path part."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.endswith(_AZURE):
        return host.split(".")[0].lower()
    first = parts.path.split("/")[1].lower() if "/" in parts.path else ""
    return first if host == "127.0.0.1" and first.isalnum() else None


def _azure_account(url: str) -> str | None:
    """The account of a URL that leads to Azure itself: a token is sent nowhere else."""
    parts = urlsplit(url)
    return _account(url) if parts.scheme == "https" and (parts.hostname or "").endswith(_AZURE) else None


def _size(response: Response) -> int | None:
    """The size of the whole file, of which one byte was asked for."""
    whole = response.headers.get("Content-Range", "").rpartition("/")[2]
    length = whole if response.status_code != 200 else response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None
