"""What the endpoint says of itself: one JSON object a line, and one line for each request."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import format_exception

from registry.web import redact

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

_LOG = logging.getLogger("registry.server")
_SHOWN = 400  # characters of a path


class JsonLines(logging.Formatter):
    """Each record as one line of JSON, without what signs a URL or opens a door."""

    def format(self, record: logging.LogRecord) -> str:
        """The line: time, level, logger and message, the request's id, and what else the record carries."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = redact(record.getMessage())
        if identity := REQUEST_ID.get():
            line["request_id"] = identity
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        return json.dumps({**line, **getattr(record, "request", {})}, ensure_ascii=False)


def log_request(method: str, path: str, route: str, status: int, seconds: float, caller: str) -> None:
    """One line for an answered request; `path` is as it was sent, without the query."""
    path = redact(path)[:_SHOWN]
    facts = {"method": method, "path": path, "route": route, "status": status}
    facts |= {"seconds": round(seconds, 6), "caller": caller}
    _LOG.info("%s %s %s", method, path, status, extra={"request": facts})


def log_mistake(error: BaseException) -> None:
    """Where an error comes from that nobody expected; safe whoever formats it."""
    _LOG.error("%s", redact("".join(format_exception(error))))
