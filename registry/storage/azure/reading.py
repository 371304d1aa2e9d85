"""Reading a blob in one request, or from where it broke off in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.storage.azure.client import Client, Reply
from registry.storage.azure.errors import BrokenOffError, ServiceError

BREAKS = 4  # in a row, without a byte in between, after which it is not asked again


def load(client: Client, path: str, chunk: int) -> Reply:
    """A small blob as a whole, with the headers of the last answer, which may have been about a part of it."""
    answers: list[Mapping[str, str]] = []
    content = b"".join(_parts(client, path, 0, None, chunk, answers))
    return Reply(answers[-1], content) if answers else client.send("HEAD", path)


def read(client: Client, path: str, offset: int, length: int | None, chunk: int) -> Iterator[bytes]:
    """The bytes of one and the same blob, from `offset` at most `length`; nothing beyond the end."""
    if length == 0:
        client.send("HEAD", path)
        return
    yield from _parts(client, path, offset, length, chunk, [])


def _parts(
    client: Client, path: str, offset: int, length: int | None, chunk: int, answers: list[Mapping[str, str]]
) -> Iterator[bytes]:
    """The bytes as they come, and the headers of each answer in `answers`: none for what has no such bytes."""
    headers, breaks, end = {}, 0, None if length is None else offset + length
    while end is None or offset < end:
        # Always a range: its answer says how long the blob is, whatever becomes of the answer on its way.
        headers["x-ms-range"] = f"bytes={offset}-{'' if end is None else end - 1}"
        try:
            with client.open(path, headers) as response:
                answers.append(response.headers)
                headers["If-Match"] = response.headers.get("ETag", "*")
                for part in response.stream(chunk, decode_content=False):
                    offset, breaks = offset + len(part), 0
                    yield part
            size = _size(response.headers)
            if size is None or offset >= (size if end is None else min(end, size)):
                return
            raise BrokenOffError(0, reason=f"the answer ends after {offset:,} of {size:,} bytes")
        except BrokenOffError:
            breaks += 1
            if breaks == BREAKS:
                raise
        except ServiceError as error:
            if error.status == 416:  # an empty blob, or nothing behind the end
                return
            raise


def _size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the whole blob."""
    whole = headers.get("Content-Range", "").rpartition("/")[2]
    return int(whole) if whole.isdigit() else None
