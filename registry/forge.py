"""GitHub's REST API: pull requests, statuses, comments, deployments and issues of one repository."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from registry.errors import ForgeError
from registry.limiter import Limiters
from registry.patience import PATIENT, Patience
from registry.web import Response, Session, WebError, cause_of, make_session, read_whole, redact

BOT = "github-actions[bot]"  # whose name GitHub gives to what a workflow's token writes
LONGEST_COMMENT = 65_536  # characters that GitHub takes
_LONGEST_DESCRIPTION = 140  # of a status
_ATTEMPTS = 4  # at creating something
_LONGEST_WAIT = 60.0  # seconds
_MOST = 32 * 1024 * 1024  # bytes of an answer
_PAGE, _PAGES = 100, 100  # entries in one answer, and answers

Json = dict[str, Any]
State = Literal["success", "failure", "error", "pending"]


class Head(NamedTuple):
    """What a run was about: a branch of the repository or of a fork, and the commit that it had."""

    repository: str  # OWNER/NAME
    branch: str
    commit: str


class PullRequest(NamedTuple):
    """A pull request as GitHub knows it now."""

    number: int
    head: Head  # its repository is empty where the fork is gone
    base: str  # the branch that is to take it
    is_open: bool
    can_merge: bool | None  # None: GitHub has not found out yet


class Forge:
    """The repository OWNER/NAME behind the API at `url`. Every call has a time-out and is tried again where that helps.

    Comments and issues are ours where they begin with our marker and `author` wrote them: anybody can write the marker.
    """

    def __init__(
        self, url: str, repository: str, token: str, *, author: str = BOT, patience: Patience = PATIENT
    ) -> None:
        self._url = f"{url.rstrip('/')}/repos/{repository}"
        self._author = author
        self._patience = patience
        limiters = Limiters()
        self._session = make_session(public_only=False, patience=patience, limiters=limiters)
        self._once = make_session(public_only=False, patience=replace(patience, retries=0), limiters=limiters)
        for session in (self._session, self._once):
            session.headers["Authorization"] = f"Bearer {token}"
            session.headers["Accept"] = "application/vnd.github+json"
            session.headers["X-GitHub-Api-Version"] = "2022-11-28"

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()
        self._once.close()

    def find_pull_request(self, head: Head, base: str) -> PullRequest | None:
        """The open pull request that asks `base` to take this very commit of this very branch; None where none does.

        What a commit or a run says of its pull requests is empty for forks, and a branch has its name in many of them.
        """
        owner = head.repository.partition("/")[0]
        found = self._list("/pulls", state="open", head=f"{owner}:{head.branch}", base=base)
        return next((pull for pull in map(_pull_request, found) if (pull.head, pull.base) == (head, base)), None)

    def pull_request(self, number: int) -> PullRequest:
        """One pull request; asking makes GitHub look whether it can be merged."""
        return _pull_request(self._call("GET", f"/pulls/{number}"))

    def merged_by(self, commit: str, base: str) -> list[int]:
        """The pull requests that brought a commit into a branch, as GitHub knows it: a message may say anything."""
        found = self._list(f"/commits/{commit}/pulls")
        return sorted(int(pull["number"]) for pull in found if pull["merged_at"] and pull["base"]["ref"] == base)

    def set_status(self, commit: str, context: str, state: State, description: str, url: str | None) -> None:
        """Say of a commit how a check ended."""
        said = description[: _LONGEST_DESCRIPTION - 1] + "…" if len(description) > _LONGEST_DESCRIPTION else description
        body = {"state": state, "context": context, "description": said} | ({"target_url": url} if url else {})
        self._call("POST", f"/statuses/{commit}", body)

    def put_comment(self, number: int, marker: str, text: str) -> bool:
        """Write our one comment with this marker, or update it; whether there was none."""
        where = f"/issues/{number}/comments"

        def ours() -> str | None:
            found = next(self._ours(self._list(where), marker), None)
            return f"/issues/comments/{found['id']}" if found else None

        return self._put(ours, where, {"body": f"{marker}\n{text}"})

    def put_issue(self, label: str, marker: str, title: str, text: str) -> bool:
        """Open our one issue with this marker, or update it; whether there was none."""
        body = {"title": title, "body": f"{marker}\n{text}", "labels": [label]}
        return self._put(lambda: next(self._issues(label, marker), None), "/issues", body)

    def close_issues(self, label: str, marker: str, text: str) -> int:
        """Close our open issues with this marker, each with a last word; how many there were."""
        found = list(self._issues(label, marker))
        for issue in found:
            self._call("PATCH", issue, {"state": "closed", "state_reason": "completed"})
            self._call("POST", f"{issue}/comments", {"body": text}, self._once)
        return len(found)

    def set_deployment_status(
        self, environment: str, commit: str, state: Literal["success", "failure", "error"], description: str, url: str
    ) -> bool:
        """Say how the newest deployment of a commit to an environment ended; whether there is one."""
        found = next(self._list("/deployments", environment=environment, sha=commit), None)
        if found:
            body = {"state": state, "description": description[:_LONGEST_DESCRIPTION], "auto_inactive": False}
            self._call("POST", f"/deployments/{found['id']}/statuses", body | ({"log_url": url} if url else {}))
        return found is not None

    def _issues(self, label: str, marker: str) -> Iterator[str]:
        """Where our open issues are; GitHub lists pull requests among them."""
        found = self._list("/issues", state="open", labels=label)
        return (f"/issues/{one['number']}" for one in self._ours(found, marker) if "pull_request" not in one)

    def _ours(self, found: Iterator[Json], marker: str) -> Iterator[Json]:
        for one in found:
            is_ours = (one["user"] or {}).get("login") == self._author and one["user"].get("type") == "Bot"
            if is_ours and (one["body"] or "").startswith(marker):
                yield one

    def _put(self, ours: Callable[[], str | None], where: str, body: Json) -> bool:
        """Update what is ours, else create it: after an answer that was lost it is looked for again."""
        for attempt in range(_ATTEMPTS):
            if found := ours():
                self._call("PATCH", found, body)
                return attempt > 0
            try:
                self._call("POST", where, body, self._once)
                break
            except ForgeError as error:
                if not error.retryable or attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(min(error.wait or 0.5 * 2**attempt, _LONGEST_WAIT))
        return True

    def _list(self, path: str, **query: str) -> Iterator[Json]:
        """The entries of all pages."""
        for page in range(1, _PAGES + 1):
            parameters = urlencode({**query, "per_page": _PAGE, "page": page})
            entries = self._call("GET", f"{path}?{parameters}", kind=list)
            yield from entries
            if len(entries) < _PAGE:
                return

    def _call(
        self, method: str, path: str, body: Json | None = None, session: Session | None = None, *, kind: type = dict
    ) -> Any:
        """What GitHub answers; raises ForgeError for all but 2xx, which has neither the token nor what was sent."""
        what = f"{method} {path.partition('?')[0]}"
        try:
            response = (session or self._session).request(
                method, self._url + path, json=body, timeout=self._patience.timeout, allow_redirects=False, stream=True
            )
            content = read_whole(response, most=_MOST)
        except WebError as error:
            hint = "run again; GITHUB_API_URL says where the API is"
            raise ForgeError(f"{what}: no answer: {cause_of(error)}", hint=hint, retryable=True) from error
        found = _json(content)
        if not 200 <= response.status_code < 300:
            raise _refused(what, response, found)
        if not isinstance(found, kind):
            raise ForgeError(
                f"{what}: GitHub answers {response.status_code} without what was asked for", retryable=True
            )
        return found


def _pull_request(found: Json) -> PullRequest:
    """A pull request as the API describes it; lists do not say whether it can be merged."""
    head = Head((found["head"]["repo"] or {}).get("full_name", ""), found["head"]["ref"], found["head"]["sha"])
    return PullRequest(found["number"], head, found["base"]["ref"], found["state"] == "open", found.get("mergeable"))


def _refused(what: str, response: Response, found: Any) -> ForgeError:
    said = redact(str(found.get("message"))) if isinstance(found, dict) and found.get("message") else "no reason given"
    status, asked = response.status_code, response.headers.get("Retry-After", "")
    is_limited = status == 403 and (bool(asked) or response.headers.get("X-RateLimit-Remaining") == "0")
    is_refused = status in (401, 403, 404) and not is_limited  # GitHub says 404 of what a token may not see
    hint = "see which `permissions` the job has, and GITHUB_TOKEN" if is_refused else ""
    return ForgeError(
        f"{what}: GitHub answers {status} {said[:300]}",
        hint=hint,
        retryable=is_limited or status == 429 or status >= 500,
        wait=float(asked) if asked.isdecimal() else 0.0,
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
