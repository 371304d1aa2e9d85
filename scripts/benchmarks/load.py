"""Requests from many clients at once, each on one connection that stays open; run as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple


class Load(NamedTuple):
    """What came of it: requests a second, and how long half and 99 of 100 of them took at most, in milliseconds."""

    throughput: float
    p50: float
    p99: float


class Request(NamedTuple):
    """One request; `body` is JSON, empty where there is none."""

    method: str
    path: str
    body: str = ""


async def measure(port: int, requests: Iterator[Request], clients: int, seconds: float) -> Load:
    """Send requests until there are none, or the time is over; ends where one is not answered with success."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            begun = time.perf_counter()
            if begun > end:
                break
            body = request.body.encode()
            head = f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
            writer.write(f"{head}{kind}\r\n".encode() + body)
            await _answer(reader, request)
            taken.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    whole = time.perf_counter() - begun
    taken.sort()
    return Load(len(taken) / whole, taken[len(taken) // 2] * 1000, taken[int(len(taken) * 0.99)] * 1000)


async def _answer(reader: asyncio.StreamReader, request: Request) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if "content-length:" in head:
        body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
    else:
        body = b"".join([chunk async for chunk in _chunks(reader)])
    if head.split()[1] not in ("200", "201"):
        sys.exit(f"error: {request.method} {request.path} is answered {head.split()[1]}: {body[:300]!r}")


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sent = iter([Request(*request) for request in given["requests"]])
    print(json.dumps(asyncio.run(measure(given["port"], sent, given["clients"], given["seconds"]))))
