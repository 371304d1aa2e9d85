"""Reading a blob in one request, or from where it broke off in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.storage.azure.client import Client, Reply
from registry.storage.azure.errors import ServiceError

BREAKS = 4  # in a row, without a byte in between, after which it is not asked again


def load(client: Client, path: str) -> Reply:
    """A small blob as a whole; asked for again where the answer broke off."""
    breaks = 0
    while True:
        try:
            return _whole(client, path)
        except ServiceError as error:
            if error.status == 416:  # an empty one has no range
                return client.send("HEAD", path)
            breaks += 1
            if error.status or breaks == BREAKS:
                raise


def read(client: Client, path: str, offset: int, length: int | None, chunk: int) -> Iterator[bytes]:
    """The bytes of one and the same blob, from `offset` at most `length`; nothing beyond the end."""
    if length == 0:
        client.send("HEAD", path)
        return
    headers, breaks, end = {}, 0, None if length is None else offset + length
    while end is None or offset < end:
        # Always a range: its answer says how long the blob is, whatever becomes of the answer on its way.
        headers["x-ms-range"] = f"bytes={offset}-{'' if end is None else end - 1}"
        try:
            with client.open(path, headers) as response:
                headers["If-Match"] = response.headers.get("ETag", "*")
                for part in response.stream(chunk, decode_content=False):
                    offset, breaks = offset + len(part), 0
                    yield part
            size = _size(response.headers)
            if size is None or offset >= (size if end is None else min(end, size)):
                return
            raise _too_short(offset, size)
        except ServiceError as error:
            if error.status == 416:  # an empty blob, or nothing behind the end
                return
            breaks += 1
            if error.status or breaks == BREAKS:
                raise


def _whole(client: Client, path: str) -> Reply:
    reply = client.send("GET", path, headers={"x-ms-range": "bytes=0-"})
    size = _size(reply.headers)
    if size is not None and len(reply.content) < size:
        raise _too_short(len(reply.content), size)
    return reply


def _too_short(offset: int, size: int) -> ServiceError:
    return ServiceError(0, "", reason=f"the answer ends after {offset:,} of {size:,} bytes")


def _size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the whole blob."""
    whole = headers.get("Content-Range", "").rpartition("/")[2]
    return int(whole) if whole.isdigit() else None
