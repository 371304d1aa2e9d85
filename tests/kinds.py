"""What a request is for, in words: `PUT receipt`, `GET model`, `copy file`."""

from __future__ import annotations

import re

from tests.proxy import Asked, Match

_STORAGE = ("/private/", "/source/")
_LEDGER = {"lock": "lock", "state.json": "state", "receipts": "receipt", "intents": "intent"}
_VERBS = {"lease": "{action} lease on", "metadata": "record digest of", "block": "PUT block of", "blocklist": "commit"}


def kind_of(asked: Asked) -> str:
    """What is asked for; requests of one kind differ in the version or file alone."""
    if asked.path.startswith("/private/"):
        return _storage_kind(asked)
    if asked.path.startswith("/source/"):
        return f"{asked.method} source"
    rest = re.sub(r"^/api/v1\.0/model/[^/]+/[^/]+", "model", asked.path).strip("/")
    return f"{asked.method} {'status' if rest.endswith('/status') else rest}"


def of_kind(kind: str) -> Match:
    """Matches the reconciler's own requests of a kind."""
    return lambda asked: is_reconcilers(asked) and kind_of(asked) == kind


def number(wanted: int) -> Match:
    """Matches the reconciler's n-th request; for one proxy, which it counts for."""
    left = [None] * (wanted - 1)

    def match(asked: Asked) -> bool:
        if not is_reconcilers(asked):
            return False
        if left:
            left.pop()
            return False
        return True

    return match


def is_reconcilers(asked: Asked) -> bool:
    """Whether a reconciler with one job asks, and neither an endpoint that it waits for nor storage that copies."""
    waits = any(not other.path.startswith(_STORAGE) for other in asked.during)
    return not waits and not asked.agent.startswith("axios")


def _storage_kind(asked: Asked) -> str:
    path, comp = asked.path.split("/", 3)[3:], asked.query.get("comp", "")
    if comp == "list":
        return f"list {_what(asked.query.get('prefix', ''))}s"
    if not path:
        return f"{asked.method} container"
    if "x-ms-copy-source" in asked.headers:
        verb = "copy block of" if comp == "block" else "copy"
    else:
        verb = _VERBS.get(comp, asked.method).format(action=asked.headers.get("x-ms-lease-action"))
    if verb == "PUT":
        verb = "replace" if "if-match" in asked.headers or "x-ms-lease-id" in asked.headers else "create"
    return f"{verb} {_what(path[0])}"


def _what(path: str) -> str:
    own, _, rest = path.partition("/")
    return _LEDGER.get(rest.split("/")[0], rest) if own == ".registry" else "file"
