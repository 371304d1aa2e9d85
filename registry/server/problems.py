"""What an answer says when something is wrong: RFC 9457, with the keys that other clients look for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

Detail = dict[str, Any]  # one entry of `errors[]`: `pointer` into the body, or `field` of the URL; `detail`; `rule`

MEDIA_TYPE = "application/problem+json"
_SHOWN = 400  # characters of the details that go into the message: enough to act on, short enough for a log line


class ProblemError(Exception):
    """The request ends here with this status; `detail` says what is wrong and what to do, and holds no secret."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[Detail] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def invalid(details: Sequence[Detail]) -> ProblemError:
    """422 with everything that is wrong with a request."""
    return ProblemError(422, f"the request has {_counted(details)}: {_first(details)}", errors=details)


def differing(details: Sequence[Detail], what: str) -> ProblemError:
    """409 with the fields that differ from what is registered; `what` says why that matters."""
    return ProblemError(409, f"{what}: {_cut('; '.join(str(entry['detail']) for entry in details))}", errors=details)


def render_problem(error: ProblemError) -> JSONResponse:
    """The answer; `message` and `error_message` repeat the detail for clients that know nothing of RFC 9457."""
    detail = redacted(error.detail)
    content: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(error.status).phrase, "status": error.status}
    content |= {"detail": detail, "message": detail, "error_message": detail}
    if error.errors:
        content["errors"] = [_clean(entry) for entry in error.errors]
    return JSONResponse(content, error.status, error.headers, MEDIA_TYPE)


def pointer(keys: Sequence[str | int]) -> str:
    """The keys as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def redacted(text: str) -> str:
    """The text without what signs a URL: its user, query and fragment."""
    text = re.sub(r"://[^\s/@`\"']*@", "://", text)
    return re.sub(r"(://[^\s?#`\"']*)[?#][^\s`\"']*", r"\1", text)


def _clean(entry: Detail) -> Detail:
    return {
        key: redacted(value) if isinstance(value, str) and key != "pointer" else value for key, value in entry.items()
    }


def _counted(details: Sequence[Detail]) -> str:
    return "one mistake" if len(details) == 1 else f"{len(details)} mistakes, the first"


def _first(details: Sequence[Detail]) -> str:
    entry = details[0]
    place = entry.get("pointer") or entry.get("field")
    text = f"{place}: {entry['detail']}" if place else str(entry["detail"])
    return _cut(text)


def _cut(text: str) -> str:
    text = redacted(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
