"""The endpoint as a running server: in a thread of this process, or in the foreground."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn
from fastapi import FastAPI

from registry.errors import EndpointError, UsageError

_START = 30.0  # seconds; a start takes a few hundredths
_GRACE = 5  # seconds that requests in flight have to end in


@contextmanager
def serve_embedded(app: FastAPI) -> Iterator[str]:
    """Serve on a free loopback port until the block ends; yields `http://127.0.0.1:PORT`."""
    with closing(_listen("127.0.0.1", 0)) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, args=([listener],), name="registry-endpoint", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Serve in the foreground until interrupted; UsageError when the address cannot be had."""
    try:
        listener = _listen(host, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another `--port`") from error
    with closing(listener):
        try:
            _server(app).run([listener])
        except KeyboardInterrupt:
            return  # the ordinary end of a server in the foreground


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send at once: an answer's body would wait 40 ms for word of its head."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _server(app: FastAPI) -> uvicorn.Server:
    # No log_config: logging belongs to the program that the endpoint is embedded in.
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise EndpointError("the embedded endpoint did not start")
        time.sleep(0.005)
