"""What Azure answers and the emulator never does, played by a server that follows the REST documentation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

import pytest

from registry.errors import BlobExistsError, CopyNotOfferedError, SourceChangedError, StorageError
from registry.storage import Blob, Source
from registry.storage.azure import AzureContainer, Limits

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
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.url = ""

    def next(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to the next request with this method."""
        self.asked.append(method)
        self.paths.append(path)
        self.headers.append(headers)
        left = self.answers[method]
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def played(script: Script, limits: Limits | None = None) -> Iterator[AzureContainer]:
    """A container whose service follows the script, but for the container's own properties."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = (
                Answer(200, WHEN)
                if "restype=container" in self.path
                else script.next(self.command, self.path, dict(self.headers))
            )
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
            with AzureContainer(script.url, key="c2VjcmV0", limits=limits) as container:
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


NOT_KNOWN = Answer(501, code="NotImplemented")  # Put Blob From URL, in accounts that do not have it
PENDING = Answer(202, {**WHEN, "x-ms-copy-status": "pending", "x-ms-copy-id": "1"})


def test_a_pending_copy_is_waited_for() -> None:
    script = Script(PUT=[NOT_KNOWN, PENDING], HEAD=[properties(0, "pending"), properties(5, "success")])
    with played(script) as container:
        assert container.copy(PATH, Source(SOURCE, 5)).etag == "0x1"
    assert script.asked == ["PUT", "PUT", "HEAD", "HEAD"]


@pytest.mark.parametrize("ended", ["failed", "aborted"])
def test_a_copy_that_failed_leaves_no_empty_blob(ended: str) -> None:
    """Copy Blob: a failed copy leaves a blob of zero bytes under the destination's name."""
    script = Script(PUT=[NOT_KNOWN, PENDING], HEAD=[properties(0, ended)], DELETE=[Answer(202)])
    with played(script) as container, pytest.raises(CopyNotOfferedError, match=ended):
        container.copy(PATH, Source(SOURCE, 5))
    assert script.asked == ["PUT", "PUT", "HEAD", "DELETE"]


def test_a_copy_that_stays_pending_is_aborted() -> None:
    """Abort Copy Blob: 204, and a destination of zero bytes with the status `aborted`."""
    looks = [properties(0, "pending"), properties(0, "aborted")]
    script = Script(PUT=[NOT_KNOWN, PENDING, Answer(204)], HEAD=looks, DELETE=[Answer(202)])
    with played(script, Limits(pending=-1)) as container, pytest.raises(CopyNotOfferedError, match="aborted"):
        container.copy(PATH, Source(SOURCE, 5))
    assert script.asked == ["PUT", "PUT", "HEAD", "PUT", "HEAD", "DELETE"]
    assert script.headers[3]["x-ms-copy-action"] == "abort"


@pytest.mark.parametrize("code", ["BlobAlreadyExists", "PendingCopyOperation"])
def test_a_copy_onto_one_that_is_pending_says_that_something_stands_there(code: str) -> None:
    """Copy Blob: 409 PendingCopyOperation while another copy to the destination is pending."""
    with played(Script(PUT=[Answer(409, code=code)])) as container, pytest.raises(BlobExistsError):
        container.copy(PATH, Source(SOURCE, 5))


def pending_from(source: str) -> Answer:
    """Get Blob Properties while a copy is pending."""
    answer = properties(0, "pending")
    return answer._replace(headers={**answer.headers, "x-ms-copy-source": source})


def test_a_pending_copy_of_a_dead_run_is_adopted() -> None:
    script = Script(HEAD=[pending_from(SOURCE), properties(0, "pending"), properties(5, "success")])
    with played(script) as container:
        blob = container.settle(PATH, SOURCE)
    assert blob == Blob(PATH, 5, "0x1", None)
    assert script.asked == ["HEAD"] * 3


@pytest.mark.parametrize("source", ["https://files.example.com/other", None])
def test_a_pending_copy_of_something_else_is_aborted(source: str | None) -> None:
    script = Script(HEAD=[pending_from(SOURCE), properties(0, "aborted")], PUT=[Answer(204)])
    with played(script) as container:
        blob = container.settle(PATH, source)
    assert blob == Blob(PATH, 0, "0x1", None)
    assert script.asked == ["HEAD", "PUT", "HEAD"]


def test_a_copy_that_is_done_when_it_is_aborted_stands() -> None:
    """Abort Copy Blob: 409 NoPendingCopyOperation when the copy has ended meanwhile."""
    ended = Answer(409, code="NoPendingCopyOperation")
    script = Script(HEAD=[pending_from(SOURCE), properties(5, "success")], PUT=[ended])
    with played(script) as container:
        assert container.settle(PATH, None) == Blob(PATH, 5, "0x1", None)


def test_what_is_not_offered_is_found_out_once() -> None:
    done = Answer(202, {**WHEN, "x-ms-copy-status": "success"})
    script = Script(PUT=[NOT_KNOWN, done])
    with played(script) as container, ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: container.copy(f"{PATH}-{n}", Source(SOURCE, 5)), range(20)):
            pass
    assert len(script.asked) == 21


def test_a_source_larger_than_one_call_takes_is_copied_in_the_background() -> None:
    """Copy Blob From URL: up to 256 MiB."""
    too_large = Answer(409, code="CopySourceTooLarge")
    script = Script(PUT=[NOT_KNOWN, too_large, PENDING], HEAD=[properties(2**30, "success")])
    with played(script) as container:
        container.copy(PATH, Source(SOURCE, None))
    assert [headers.get("x-ms-requires-sync") for headers in script.headers] == [None, "true", None, None]


@pytest.mark.parametrize(
    "answer",
    [Answer(412, code="SourceConditionNotMet"), Answer(412, {"x-ms-copy-source-status-code": "412"}, "CannotVerify")],
)
@pytest.mark.parametrize("size", [5, 300 * 2**20])
def test_a_source_that_changed_meanwhile_is_said(answer: Answer, size: int) -> None:
    """x-ms-source-if-match: 412 Precondition Failed where the source has another etag."""
    script = Script(PUT=[answer], HEAD=[Answer(404, code="BlobNotFound")])
    with played(script) as container, pytest.raises(SourceChangedError):
        container.copy(PATH, Source(SOURCE, size, etag='"0x2"'))
    assert script.headers[-1]["x-ms-source-if-match"] == '"0x2"'


def test_the_token_for_a_source_stays_out_of_what_readers_see() -> None:
    """Put Blob From URL keeps nothing of its source; Copy Blob would show the URL, and is never used with a token."""
    script = Script(PUT=[Answer(201, WHEN)])
    with played(script) as container:
        container.copy(PATH, Source(SOURCE, 5, authorization="Bearer SECRET"))
    assert script.headers[0]["x-ms-copy-source-authorization"] == "Bearer SECRET"
    refused = Script(PUT=[NOT_KNOWN, Answer(201, WHEN)])
    with played(refused) as container:
        container.copy(PATH, Source(SOURCE, 5, authorization="Bearer SECRET"))
    assert ["comp=block" in path for path in refused.paths] == [False, True, True]


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
        container.copy(PATH, Source(SOURCE, size))


def test_a_refusal_of_our_own_credentials_is_not_the_sources() -> None:
    script = Script(PUT=[Answer(403, code="AuthorizationPermissionMismatch")])
    with played(script) as container, pytest.raises(StorageError) as caught:
        container.copy(PATH, Source(SOURCE, 5))
    assert type(caught.value) is StorageError
    assert "Storage Blob Data Contributor" in caught.value.hint


def test_a_condition_that_does_not_hold_has_two_spellings() -> None:
    """If-None-Match: * answers 409 BlobAlreadyExists to Put Blob and may answer 412 to copies."""
    script = Script(PUT=[Answer(412, code="TargetConditionNotMet")])
    with played(script) as container, pytest.raises(BlobExistsError):
        container.copy(PATH, Source(SOURCE, 5))
