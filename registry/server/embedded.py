"""The endpoint as a running server: in a thread of this process, or in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from registry.errors import EndpointError, UsageError
from registry.server.workers import LEAVE, LEAVE_NOW

_START = 30.0  # seconds; a start takes a few hundredths
_GRACE = 5  # seconds that requests in flight have to end in
_ORPHANED = 3  # the exit code of a process whose parent is gone


@contextmanager
def serve_embedded(app: FastAPI) -> Iterator[str]:
    """Serve on a free loopback port until the block ends; yields `http://127.0.0.1:PORT`."""
    with closing(_listener("127.0.0.1", 0)) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, args=([listener],), name="registry-endpoint", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def reserve(host: str, port: int) -> int:
    """The port at which `serve` can listen, a free one for 0; UsageError when the address cannot be had."""
    try:
        with closing(_listener(host, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot listen on {host}:{port}: {reason}", hint="choose another `--port`") from error


def serve(app: FastAPI, *, host: str, port: int, drain: float, grace: int, parent: int | None = None) -> None:
    """Serve in the foreground until a signal comes; as one of several, which end at once where `parent` can be read.

    For `drain` seconds it then goes on, but says that it is not ready; what is in flight after that has `grace`
    seconds. A second signal ends both.
    """
    with closing(_listener(host, port, is_shared=parent is not None)) as listener:
        _server(app, drain, grace, parent).run([listener])


def _listener(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    # Each of several listens for itself, and the system shares connections out: at one socket the first takes all.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, reuse_port=is_shared)
    # Connections inherit it. The event loop sets it only where a socket names its protocol; without, an answer of two
    # writes waits until the other side acknowledges the first, which it does after 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Server(uvicorn.Server):
    """Tells its app that it will leave, before it does; a signal is an ordinary end, and is not raised again."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain: float, parent: int | None) -> None:
        super().__init__(config)
        self._app, self._drain, self._parent = app, drain, parent

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a signal calls
        """Begin to leave; one of several waits for word of its parent, since whoever stops them may signal all."""
        if self._parent is None:
            self._leave()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; whoever answers for a parent that is gone would keep its address from the next one."""
        if self._parent is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._parent, os._exit, _ORPHANED)
            loop.add_signal_handler(LEAVE, self._leave)
            loop.add_signal_handler(LEAVE_NOW, self._leave_now)
        await super().startup(sockets)
        if self._parent is not None:  # now it is heard, and what waits to be taken is taken first
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (LEAVE,))

    def _leave(self) -> None:
        """Begin to leave; the second time, leave."""
        self.force_exit = self.should_exit
        self.should_exit = True

    def _leave_now(self) -> None:
        self.force_exit = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leave, after others have had the time to see it."""
        self._app.state.is_leaving = True
        deadline = time.monotonic() + self._drain
        while time.monotonic() < deadline and not self.force_exit:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def _server(app: FastAPI, drain: float = 0.0, grace: int = _GRACE, parent: int | None = None) -> uvicorn.Server:
    # No log_config: logging belongs to the program that the endpoint is embedded in.
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",  # there is none, and one that is cut short would be told as a mistake
        timeout_graceful_shutdown=grace,
    )
    return _Server(config, app, drain, parent)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise EndpointError("the embedded endpoint did not start")
        time.sleep(0.005)
