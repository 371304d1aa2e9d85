"""Copies that Azure makes in the background, before an emulator that makes them at once: one file's, for a test.

Copy Blob answers 202 with `x-ms-copy-status: pending`; until it ends, the destination has a length of zero, and other
writes are refused with 409 PendingCopyOperation. A copy that failed or was aborted leaves a blob of zero bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from azure.storage.blob import ContainerClient

from tests.proxy import Asked, Exchange, Fault, Proxy, passed

ALWAYS = 1000  # times
FOR_EVER = 1000  # looks
ETAG = '"0xPENDING"'


class Background:
    """The copies to one blob; those within one call are refused, as for a source of more than 256 MiB."""

    def __init__(
        self, container: ContainerClient, path: str, *, ends: Literal["success", "failed"] = "success", looks: int = 2
    ) -> None:
        self.begun = self.aborted = 0  # copies
        self.status = ""  # of the last one
        self._container = container
        self._path = path
        self._ends = ends
        self._looks = self._left = looks  # while it is pending
        self._source = ""

    def stand_before(self, proxy: Proxy) -> None:
        """Answer all that is asked about the blob."""
        proxy.spoil(self.is_about, self._answer, times=ALWAYS)

    def is_about(self, asked: Asked) -> bool:
        """Whether a request is about the blob."""
        return asked.path == f"/private/{self._container.container_name}/{self._path}"

    def begin_then(self, act: Callable[[], None]) -> Fault:
        """Begin a copy, and do something before that is answered; what is no such copy is passed on."""

        def fault(exchange: Exchange) -> None:
            self._begin(exchange, act)

        return fault

    def _answer(self, exchange: Exchange) -> None:
        asked = exchange.asked
        if asked.query.get("comp") == "copy":
            self._abort(exchange)
        elif asked.method == "PUT" and self.status == "pending":
            exchange.answer(409, {"x-ms-error-code": "PendingCopyOperation"})
        elif is_copy_at_once(asked):
            exchange.answer(409, {"x-ms-error-code": "CopySourceTooLarge"})
        elif is_copy_in_background(asked):
            self._begin(exchange, lambda: None)
        elif asked.method == "HEAD" and self.status:
            self._look(exchange)
        else:
            if asked.method in ("PUT", "DELETE") and asked.query.get("comp") in (None, "blocklist"):
                self.status = ""  # another blob
            passed(exchange)

    def _begin(self, exchange: Exchange, act: Callable[[], None]) -> None:
        answer = exchange.forward()
        if answer.status >= 300:
            return exchange.relay(answer)
        for _ in answer.body:
            pass
        self.begun, self.status, self._left = self.begun + 1, "pending", self._looks
        self._source = exchange.asked.headers["x-ms-copy-source"]
        if self._ends == "failed":
            self._container.upload_blob(self._path, b"", overwrite=True)
        act()
        return exchange.answer(202, {"ETag": ETAG, "x-ms-copy-status": "pending", "x-ms-copy-id": "1"})

    def _look(self, exchange: Exchange) -> None:
        if self.status == "pending" and not self._left:
            self.status = self._ends
        copy = {"x-ms-copy-status": self.status, "x-ms-copy-id": "1", "x-ms-copy-source": self._source}
        if self.status == "pending":
            self._left -= 1
            return exchange.answer(200, {"ETag": ETAG, **copy})
        answer = exchange.forward()
        answer.headers = [pair for pair in answer.headers if pair[0].lower() not in copy] + [*copy.items()]
        return exchange.relay(answer)

    def _abort(self, exchange: Exchange) -> None:
        if self.status != "pending":
            return exchange.answer(409, {"x-ms-error-code": "NoPendingCopyOperation"})
        self._container.upload_blob(self._path, b"", overwrite=True)
        self.aborted, self.status = self.aborted + 1, "aborted"
        return exchange.answer(204)


def is_copy_at_once(asked: Asked) -> bool:
    """Copy Blob From URL."""
    return "x-ms-requires-sync" in asked.headers


def is_copy_in_background(asked: Asked) -> bool:
    """Copy Blob; not Put Blob From URL, which the emulator does not know, nor Put Block From URL."""
    is_other = bool(asked.query or {"x-ms-blob-type", "x-ms-requires-sync"} & {*asked.headers})
    return "x-ms-copy-source" in asked.headers and not is_other
