"""How long a call may take, and answers that have to come at a pace."""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

_RATE = 10_000  # bytes a second: an answer that comes faster may take as long as it takes


@dataclass(frozen=True)
class Patience:
    """Times in seconds."""

    connect: float = 10.0
    silence: float = 60.0  # between two bytes, where a call says nothing else
    slow: float = 120.0  # of waiting for an answer that comes slower than 10 kB/s
    retries: int = 4  # after 0.3 s, doubled each time and jittered: about 5 s in all, or when the service says
    again: float = 120.0  # after the first failure, in which another attempt is begun
    is_obedient: bool = True  # waits as long as `Retry-After` says

    @property
    def timeout(self) -> tuple[float, float]:
        """As requests takes it."""
        return (self.connect, self.silence)


PATIENT = Patience()
HASTY = Patience(connect=5.0, silence=15.0, slow=25.0, retries=1, is_obedient=False)  # for who sits and waits


class TimedResponse(HTTPResponse):
    """An answer that has to come at a pace, head and body."""

    def __init__(self, patience: Patience, sock: socket.socket, *args: Any, **known: Any) -> None:
        super().__init__(sock, *args, **known)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, patience))


class _Timed(io.RawIOBase):
    """Reads from a socket. Only waiting counts: who reads an answer slowly may do so."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, patience: Patience) -> None:
        self._raw = raw
        self._socket = sock
        self._silence = sock.gettimeout() or patience.silence
        self._slow = self._left = patience.slow

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise TimeoutError(f"it comes slower than {_RATE:,} bytes a second")
        self._socket.settimeout(min(self._silence, self._left))
        began = time.monotonic()
        size: int | None = self._raw.readinto(buffer)
        waited = time.monotonic() - began
        self._left = min(self._slow, self._left - waited + (size or 0) / _RATE)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
