"""Where the log goes: to stderr, redacted, since libraries put whole URLs into it."""

from __future__ import annotations

import logging
import sys

from registry.web import redact


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def log_text(level: int) -> None:
    """One message a line, for people, unless somebody logs already."""
    logging.basicConfig(level=level, handlers=[_handler(_Redacted("%(message)s"))])


def log_json() -> None:
    """What is answered and what goes wrong, as lines of JSON; of libraries only what goes wrong."""
    from registry.server.journal import JsonLines

    logging.basicConfig(level=logging.WARNING, handlers=[_handler(JsonLines())], force=True)
    logging.getLogger("registry").setLevel(logging.INFO)


def _handler(formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler
