"""A service that is far away: passes bytes on to a local port, to there some time later, and back at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio import BaseTransport, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast


@contextmanager
def far_away(port: int, *, delay: float) -> Iterator[int]:
    """The port of such a service before another, in a process of its own; `delay` in seconds."""
    command = [sys.executable, "-m", __name__, str(port), str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Side(asyncio.Protocol):
    """One of the two connections: what comes in goes out at the other."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._transport: Transport | None = None
        self.other: Side | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin."""
        self._transport = cast("Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on, each piece as much later as the one before."""
        assert self.other is not None  # noqa: S101
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self.other.write, data)
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """What was received before still arrives."""
        del exc
        if self.other:
            asyncio.get_running_loop().call_later(self._delay, self.other.close)

    def write(self, data: bytes) -> None:
        """Send it."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """No more comes."""
        if self._transport:
            self._transport.close()

    def pause_writing(self) -> None:
        """More waits here than is sent: the other is not to take more."""
        if self.other and self.other._transport:
            self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        """There is room again."""
        if self.other and self.other._transport:
            self.other._transport.resume_reading()


class Client(Side):
    """The side that asks; the service is connected to when it comes."""

    def __init__(self, port: int, delay: float) -> None:
        super().__init__(delay)
        self._port = port

    def connection_made(self, transport: BaseTransport) -> None:
        """Connect, and take nothing before that."""
        super().connection_made(transport)
        cast("Transport", transport).pause_reading()
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        _, there = await asyncio.get_running_loop().create_connection(lambda: Side(0.0), "127.0.0.1", self._port)
        self.other, there.other = there, self
        assert self._transport is not None  # noqa: S101
        self._transport.resume_reading()


async def serve(port: int, delay: float) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Client(port, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
