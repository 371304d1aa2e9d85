"""The registration API, seen from the reconciler."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from registry.errors import EndpointError
from registry.identity import ModelId
from registry.limiter import Limiters
from registry.patience import PATIENT, Patience
from registry.web import BrokenOffError, Response, Session, WebError, cause_of, make_session, read_whole, redact
from registry.wire import API, Json, model_path

_NOT_OFFERED = (405, 501)
_MOST = 64 * 1024 * 1024  # bytes of an answer
_PAGE = 1000  # versions in one answer: the most that the API gives
_POLL_SECONDS = 1.0


class Answer(NamedTuple):
    """A status and what came with it; `body` is empty where there was no JSON object."""

    status: int
    body: Json
    may_differ: bool = False  # for somebody with other credentials, as `WWW-Authenticate` says beside any status
    items: list[Json] | None = None  # where there was an array of objects
    next: str = ""  # path and query of the next page

    @property
    def said(self) -> str:
        """The reason in words, as far as the endpoint gave one."""
        return redact(
            str(self.body.get("detail") or self.body.get("message") or self.body.get("title") or "no reason given")
        )


class Ready(NamedTuple):
    """What an endpoint says of itself."""

    instance: str  # its database; empty: it may know nothing but PUT
    generation: int  # the highest of a lock that has written to it


class Endpoint:
    """One endpoint at `url`; every call has a time-out and is retried where that may help.

    `wait`: seconds that one registration may be in progress. Each that takes them all halves them for the others, so
    that any number of stuck ones costs a run no more than twice the time.
    """

    def __init__(self, url: str, token: str | None, *, patience: Patience = PATIENT, wait: float = 600.0) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._wait = wait
        limiters, once = Limiters(), replace(self._patience, retries=0)
        self._session = make_session(public_only=False, patience=self._patience, limiters=limiters)
        self._once = make_session(public_only=False, patience=once, limiters=limiters)
        for session in (self._session, self._once) if token else ():
            session.headers["Authorization"] = f"Bearer {token}"

    def ready(self) -> Ready:
        """Which database answers there; an empty instance where the endpoint does not say."""
        answer = self._call("GET", "/readyz")
        if answer.status != 200 or not isinstance(answer.body.get("instance"), str):
            return Ready("", 0)
        generation = answer.body.get("generation")
        return Ready(answer.body["instance"], generation if type(generation) is int else 0)

    def get(self, model: ModelId) -> Answer:
        """The record (200), 404, 410, or 405 and 501 where reading is not offered."""
        answer = self._expect(self._call("GET", model_path(model)), model, (200, 404, 410, *_NOT_OFFERED))
        if answer.status == 200 and not _is_record(answer.body):
            hint = "check that `endpoint` or REGISTRY_ENDPOINT is a registration API; then run again"
            raise EndpointError(f"{model}: the endpoint answers 200 without a record", hint=hint)
        return answer

    def names(self) -> Iterator[ModelId] | None:
        """Every version that the endpoint shows, in whatever state; None where it does not list them."""
        first = self._call("GET", f"{API}/models?limit={_PAGE}")
        return self._pages(first) if first.status == 200 and first.items is not None else None

    def _pages(self, first: Answer) -> Iterator[ModelId]:
        answer: Answer | None = first
        for state in ("", "withdrawn"):  # which are listed only on request
            if state:
                answer = self._call("GET", f"{API}/models?limit={_PAGE}&state={state}")
            while answer is not None:
                yield from (ModelId(str(item.get("name")), str(item.get("version"))) for item in answer.items or ())
                answer = self._call("GET", answer.next) if answer.next.startswith(f"{API}/models?") else None

    def put(self, model: ModelId, body: Json, *, once: bool) -> Answer:
        """Register; any 2xx is accepted, 409 is the caller's to judge, who may want it sent no more than once."""
        session = self._once if once else self._session
        return self._expect(self._call("PUT", model_path(model), body, session), model, (*range(200, 300), 409))

    def patch(self, model: ModelId, patch: Json) -> Answer:
        """Amend what may change."""
        return self._expect(self._call("PATCH", model_path(model), patch), model, range(200, 300))

    def delete(self, model: ModelId) -> Answer:
        """Take a withdrawn version out; gone already is fine."""
        return self._expect(self._call("DELETE", model_path(model)), model, (*range(200, 300), 404, 410))

    def status(self, model: ModelId) -> Answer:
        """How registration goes on; 404, 405 and 501 where that is not offered."""
        path = f"{model_path(model)}/status"
        return self._expect(self._call("GET", path), model, (200, 404, *_NOT_OFFERED))

    def await_finished(self, model: ModelId) -> None:
        """Wait until the registration is finished, where the endpoint tells; raises EndpointError if it failed."""
        began, wait = time.monotonic(), self._wait
        while True:
            answer = self.status(model)
            state = answer.body.get("state", "Finished") if answer.status == 200 else "Finished"
            if state == "Failed":
                raise EndpointError(
                    f"{model}: registration failed: {answer.said}", hint="mend what it names, or run again"
                )
            if state != "InProgress":
                return
            if time.monotonic() - began >= wait:
                self._wait /= 2
                raise EndpointError(f"{model}: still in progress after {wait:.0f} s", hint="run again")
            time.sleep(min(_POLL_SECONDS, wait))

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()
        self._once.close()

    def _call(self, method: str, path: str, body: Json | None = None, session: Session | None = None) -> Answer:
        try:
            session = session or self._session
            response, content = self._ask(method, path, body, session, again=session is not self._once)
        except WebError as error:
            hint = "check `endpoint` in [tool.registry] or REGISTRY_ENDPOINT, and whether it runs; then run again"
            raise EndpointError(f"{method} {self.url}{path}: no answer: {cause_of(error)}", hint=hint) from error
        found = _json(content)
        may_differ = "WWW-Authenticate" in response.headers
        if not isinstance(found, list):
            return Answer(response.status_code, found if isinstance(found, dict) else {}, may_differ)
        following = urlsplit(response.links.get("next", {}).get("url", ""))
        items = [item for item in found if isinstance(item, dict)]
        return Answer(response.status_code, {}, may_differ, items, f"{following.path}?{following.query}")

    def _ask(
        self, method: str, path: str, body: Json | None, session: Session, *, again: bool
    ) -> tuple[Response, bytes]:
        """The answer and its body; a session tries again by itself only what breaks off before the body."""
        timeout = self._patience.timeout
        response = session.request(
            method, self.url + path, json=body, timeout=timeout, allow_redirects=False, stream=True
        )
        try:
            return response, read_whole(response, most=_MOST)
        except BrokenOffError:
            if not again:
                raise
            return self._ask(method, path, body, session, again=False)

    def _expect(self, answer: Answer, model: ModelId, statuses: Any) -> Answer:
        if answer.status in statuses:
            return answer
        retryable = answer.status >= 500 or answer.status in (401, 403, 408, 429)
        hint = "set REGISTRY_TOKEN to a token of this endpoint, and run again" if answer.status in (401, 403) else ""
        raise EndpointError(
            f"{model}: the endpoint answers {answer.status} {answer.said}",
            hint=hint,
            retryable=retryable,
        )


def _is_record(body: Json) -> bool:
    """Whether an answer has what the comparison with a record needs."""
    files = body.get("model_files")
    return (
        isinstance(body.get("model_config"), dict)
        and isinstance(body.get("model_metainfo"), dict)
        and isinstance(files, dict)
        and all(isinstance(file, dict) and {"url", "sha256", "size"} <= file.keys() for file in files.values())
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
