"""A GitHub that is there for one test: it keeps what it is told, and holds each request and its own answers to
GitHub's published description of the API (`github-api.json`, made by scripts/make_github_api).
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.workflows.described import A_TIME, Json, complete, openapi, operation

TOKEN = "ghs_" + "t" * 36
BOT = {"login": "github-actions[bot]", "type": "Bot"}
LONGEST = 65_536  # characters of a comment or an issue


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str  # below /repos/OWNER/NAME
    query: Mapping[str, str]
    body: Json


class Refused(Exception):  # noqa: N818  an answer, not an error of ours
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class GitHub:
    """The repository `slug`, and everything that was said about it."""

    slug: str = "acme/models"
    token: str = TOKEN
    pulls: dict[int, Json] = field(default_factory=dict)
    comments: dict[int, list[Json]] = field(default_factory=dict)  # by the number of the pull request or issue
    issues: dict[int, Json] = field(default_factory=dict)
    statuses: list[Json] = field(default_factory=list)  # with `sha`
    deployments: list[Json] = field(default_factory=list)
    deployment_statuses: list[Json] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)  # of the description, by us or by the one who asks
    before: Callable[[Asked], None] = lambda _: None  # is told of each request before it is answered
    forbidden: str = ""  # what the token may not do: in whose path this stands
    url: str = ""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1000))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_pull(
        self,
        number: int,
        branch: str,
        head: str,
        *,
        repository: str = "",
        base: str = "main",
        can_merge: bool | None = True,
    ) -> Json:
        """Somebody opens a pull request from a branch of this repository or of a fork."""
        repository = repository or self.slug
        owner = {"login": repository.partition("/")[0]}
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "head": {
                "ref": branch, "sha": head, "user": owner, "label": f"{owner['login']}:{branch}",
                "repo": {"full_name": repository, "owner": owner},
            },
            "base": {"ref": base, "repo": {"full_name": self.slug}},
            "mergeable": can_merge,
            "merged": False,
            "merged_at": None,
            "merge_commit_sha": None,
        }  # fmt: skip
        return self.pulls[number]

    def add_comment(self, number: int, body: str, user: Json = BOT) -> Json:
        """Somebody writes a comment."""
        comment = {"id": next(self._ids), "body": body, "user": user}
        self.comments.setdefault(number, []).append(comment)
        return comment

    def add_issue(self, body: str, *, labels: list[str], user: Json = BOT, **more: Any) -> Json:
        """Somebody opens an issue."""
        number = next(self._ids)
        named = [{"name": label} for label in labels]
        issue = {"id": number, "number": number, "title": "-", "body": body, "user": user, "labels": named}
        self.issues[number] = issue | {"state": "open"} | more
        return self.issues[number]

    def merge(self, number: int, commit: str) -> None:
        """A pull request is merged."""
        merged = {"state": "closed", "merged": True, "merged_at": A_TIME, "merge_commit_sha": commit}
        self.pulls[number] |= merged

    @contextmanager
    def running(self) -> Iterator[GitHub]:
        """Answer at `url` for the time of the block; all that was asked and answered was as GitHub describes it."""
        with ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
        assert self.violations == []

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> tuple[int, bytes]:
        """The answer to one request; what the description does not know is 422 and a violation."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        prefix = f"/repos/{self.slug}"
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, b'{"message": "Bad credentials"}'
        request = MockRequest(
            "http://api", method.lower(), parts.path, args=query, data=content or None, content_type="application/json"
        )
        try:
            openapi().validate_request(request)
        except OpenAPIError as error:
            return self._violated(f"{method} {target} {content!r}", error)
        asked = Asked(method, parts.path.removeprefix(prefix), query, json.loads(content) if content else {})
        self.asked.append(asked)
        self.before(asked)
        try:
            if not parts.path.startswith(prefix + "/"):
                raise Refused(404, "Not Found")
            if self.forbidden and self.forbidden in asked.path:
                raise Refused(403, "Resource not accessible by integration")
            with self._lock:
                status, found = self._route(asked)
        except Refused as refused:
            return refused.status, json.dumps({"message": str(refused)}).encode()
        schema = operation(method, asked.path)["responses"][str(status)]["content"]["application/json"]["schema"]
        body = json.dumps(complete(schema, found)).encode()
        try:
            openapi().validate_response(request, MockResponse(body, status))
        except OpenAPIError as error:
            return self._violated(f"the answer to {method} {target}", error)
        return status, body

    def _violated(self, what: str, error: OpenAPIError) -> tuple[int, bytes]:
        cause = error.__cause__ or error
        self.violations.append(f"{what}: {cause!r} {getattr(cause, 'schema_errors', '')!s:.2000}")
        return 422, json.dumps({"message": "Validation Failed"}).encode()

    def _route(self, asked: Asked) -> tuple[int, Any]:  # noqa: C901  one line for each thing that can be asked
        match [asked.method, *asked.path.strip("/").split("/")]:
            case ["GET", "pulls"]:
                return 200, _paged(filter(lambda pull: _is_asked_for(pull, asked.query), self.pulls.values()), asked)
            case ["GET", "pulls", number]:
                return 200, _one(self.pulls, number)
            case ["GET", "commits", sha, "pulls"]:
                return 200, _paged((pull for pull in self.pulls.values() if pull["merge_commit_sha"] == sha), asked)
            case ["POST", "statuses", sha]:
                self.statuses.append(asked.body | {"sha": sha})
                return 201, asked.body
            case ["GET", "issues", number, "comments"]:
                return 200, _paged(self.comments.get(int(number), ()), asked)
            case ["POST", "issues", number, "comments"]:
                return 201, self.add_comment(int(number), _short(asked.body["body"]))
            case ["PATCH", "issues", "comments", oid]:
                comment = _one({one["id"]: one for of in self.comments.values() for one in of}, oid)
                comment["body"] = _short(asked.body["body"])
                return 200, comment
            case ["GET", "issues"]:
                wanted = (i for i in self.issues.values() if i["state"] == asked.query.get("state", "open"))
                label = asked.query.get("labels")
                return 200, _paged((i for i in wanted if not label or label in _labels(i)), asked)
            case ["POST", "issues"]:
                body = asked.body
                issue = self.add_issue(_short(body["body"]), labels=body.get("labels", []), title=body["title"])
                return 201, issue
            case ["PATCH", "issues", number]:
                issue = _one(self.issues, number)
                issue.update({key: value for key, value in asked.body.items() if key != "labels"})
                return 200, issue
            case ["GET", "deployments"]:
                of = (
                    d for d in self.deployments if all(d[k] == asked.query.get(k, d[k]) for k in ("sha", "environment"))
                )
                return 200, _paged(of, asked)
            case ["POST", "deployments", oid, "statuses"]:
                self.deployment_statuses.append(asked.body | {"deployment": int(oid)})
                return 201, asked.body
        raise Refused(404, "Not Found")


def _is_asked_for(pull: Json, query: Mapping[str, str]) -> bool:
    if query.get("head", pull["head"]["label"]) != pull["head"]["label"]:
        return False
    return (
        query.get("state", "open") in ("all", pull["state"])
        and query.get("base", pull["base"]["ref"]) == pull["base"]["ref"]
    )


def _paged(found: Any, asked: Asked) -> list[Any]:
    size, page = int(asked.query.get("per_page", 30)), int(asked.query.get("page", 1))
    return list(found)[(page - 1) * size : page * size]


def _one(of: Mapping[int, Json], number: str) -> Json:
    if int(number) not in of:
        raise Refused(404, "Not Found")
    return of[int(number)]


def _labels(issue: Json) -> list[str]:
    return [label["name"] for label in issue["labels"]]


def _short(text: str) -> str:
    if len(text) > LONGEST:
        raise Refused(422, f"body is too long (maximum is {LONGEST} characters)")
    return text


def _handler(github: GitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = github.answer(self.command, self.path, dict(self.headers), content)
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do  # noqa: N815  the names are the library's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
            """Say nothing."""

    return Handler
