"""What Azure answers and the emulator never does, played by a server that follows the REST documentation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

import pytest

from registry.errors import BlobExistsError, CopyNotOfferedError, StorageError
from registry.storage.azure import AzureContainer

PATH = "zen-bert/1.0/model.safetensors"
SOURCE = "https://files.example.com/model.safetensors"  # public: a signed one is copied in blocks
WHEN = {"Last-Modified": "Sun, 01 Nov 2026 10:00:00 GMT", "ETag": '"0x1"', "x-ms-blob-type": "BlockBlob"}


class Answer(NamedTuple):
    """One answer of the service; `code` is its word for an error."""

    status: int
    headers: Mapping[str, str] = {}
    code: str = ""


class Script:
    """Answers by method, one after the other, the last one for ever; and what was asked."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.url = ""

    def next(self, method: str) -> Answer:
        """The answer to the next request with this method."""
        self.asked.append(method)
        left = self.answers[method]
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def played(script: Script) -> Iterator[AzureContainer]:
    """A container whose service follows the script, but for the container's own properties."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = Answer(200, WHEN) if "restype=container" in self.path else script.next(self.command)
            self.send_response(answer.status)
            code = {"x-ms-error-code": answer.code} if answer.code else {}
            for name, value in {"Content-Length": "0", **answer.headers, **code}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_HEAD = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}/private/models"
        try:
            with AzureContainer(script.url, key="c2VjcmV0") as container:
                yield container
        finally:
            server.shutdown()


def properties(size: int, copy: str) -> Answer:
    """Get Blob Properties of a blob that was copied."""
    headers = {"Content-Length": str(size), "x-ms-copy-status": copy, "x-ms-copy-id": "1"}
    return Answer(200, {**WHEN, **headers})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(status: int) -> None:
    script = Script(HEAD=[Answer(status, {"Retry-After": "2"}, "ServerBusy"), properties(0, "success")])
    with played(script) as container:
        started = time.monotonic()
        assert container.stat(PATH)
        assert 2 <= time.monotonic() - started < 4
    assert script.asked == ["HEAD", "HEAD"]


def test_a_service_that_stays_busy_is_told() -> None:
    script = Script(HEAD=[Answer(503, {}, "ServerBusy")])
    with played(script) as container, pytest.raises(StorageError, match="ServerBusy") as caught:
        container.stat(PATH)
    assert caught.value.retryable
    assert script.asked == ["HEAD"] * 4


def test_a_pending_copy_is_waited_for() -> None:
    pending = Answer(202, {**WHEN, "x-ms-copy-status": "pending", "x-ms-copy-id": "1"})
    script = Script(PUT=[pending], HEAD=[properties(0, "pending"), properties(0, "success")])
    with played(script) as container:
        assert container.copy(PATH, SOURCE, size=0).sha256 is None
    assert script.asked == ["PUT", "HEAD", "HEAD", "HEAD"]


@pytest.mark.parametrize("ended", ["failed", "aborted"])
def test_a_copy_that_failed_leaves_no_empty_blob(ended: str) -> None:
    """Copy Blob: a failed copy leaves a blob of zero bytes under the destination's name."""
    pending = Answer(202, {**WHEN, "x-ms-copy-status": "pending", "x-ms-copy-id": "1"})
    script = Script(PUT=[pending], HEAD=[properties(0, ended)], DELETE=[Answer(202)])
    with played(script) as container, pytest.raises(CopyNotOfferedError, match=ended):
        container.copy(PATH, SOURCE, size=5)
    assert script.asked == ["PUT", "HEAD", "DELETE"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(409, code="CopyAcrossAccountsNotSupported"),
        Answer(409, {"x-ms-copy-source-status-code": "429"}, "CannotVerifyCopySource"),
        Answer(403, {"x-ms-copy-source-status-code": "403"}, "CannotVerifyCopySource"),
        Answer(400, code="InvalidHeaderValue"),
        Answer(413, code="RequestBodyTooLarge"),
        Answer(501, code="NotImplemented"),
    ],
)
@pytest.mark.parametrize("size", [5, None, 300 * 2**20])
def test_what_is_not_offered_can_be_streamed(answer: Answer, size: int | None) -> None:
    script = Script(PUT=[answer], HEAD=[Answer(404, code="BlobNotFound")])
    with played(script) as container, pytest.raises(CopyNotOfferedError):
        container.copy(PATH, SOURCE, size=size)


def test_a_refusal_of_our_own_credentials_is_not_the_sources() -> None:
    script = Script(PUT=[Answer(403, code="AuthorizationPermissionMismatch")])
    with played(script) as container, pytest.raises(StorageError) as caught:
        container.copy(PATH, SOURCE, size=5)
    assert type(caught.value) is StorageError
    assert "Storage Blob Data Contributor" in caught.value.hint


def test_a_condition_that_does_not_hold_has_two_spellings() -> None:
    """If-None-Match: * answers 409 BlobAlreadyExists to Put Blob and may answer 412 to copies."""
    script = Script(PUT=[Answer(412, code="TargetConditionNotMet")])
    with played(script) as container, pytest.raises(BlobExistsError):
        container.copy(PATH, SOURCE, size=5)
