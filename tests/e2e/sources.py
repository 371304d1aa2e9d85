"""Web servers of contributors, and the settings that let them through."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.build import git
from tests.e2e.place import Place


@dataclass(frozen=True)
class Stall:
    """A server that sends one byte and then nothing, until it is over."""

    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def source(
    files: Mapping[str, bytes | int | str],
    *,
    asked: list[str] | None = None,
    stall: Stall | None = None,
    token: str | None = None,
    etag: str = '"1"',
) -> Iterator[str]:
    """A plain web server: bytes are served, a number is a status, text is where a redirect leads.

    `asked` takes the paths that were asked for; with a `token` nobody reads who does not show it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            found = _refusal(dict(self.headers), token, etag) or files.get(self.path, 404)
            body = found if isinstance(found, bytes) else b""
            self.send_response(200 if isinstance(found, bytes) else found if isinstance(found, int) else 302)
            for name, value in {"Location": found if isinstance(found, str) else "", "ETag": etag}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.send(body)

        def send(self, found: bytes) -> None:
            with suppress(ConnectionError):  # who stalls may be left
                self.wfile.write(found[:1])
                if stall:
                    stall.begun.set()
                    stall.over.wait()
                self.wfile.write(found[1:])

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            if stall:
                stall.over.set()
            server.shutdown()
            thread.join()


def _refusal(headers: Mapping[str, str], token: str | None, etag: str) -> int | None:
    if token is not None and headers.get("Authorization") != token:
        return 401
    return 412 if headers.get("If-Match", etag) != etag else None


def allow(place: Place, *prefixes: str) -> None:
    """Commit settings that let these sources through."""
    sources = json.dumps(list(prefixes))
    settings = f"[tool.registry.policy]\nallow_loopback = true\nsources = {sources}\n"
    (place.repository / "pyproject.toml").write_text(settings)
    git(place.repository, "commit", "--quiet", "--all", "--message=settings")
