"""What every request passes: ids, pace, headers, measures and the log."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import StorageError
from registry.policy import Policy
from registry.server.journal import JsonLines
from registry.server.pace import Pace
from registry.storage import Blob
from registry.storage.folder import Folder
from registry.tokens import make_token
from tests.server.conftest import TIMEOUT, Running, Start

SECRET = "S1GNATURE-THAT-NOBODY-SEES"
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Broken(Folder):
    """Storage with a mistake in it, whose error tells a secret."""

    def stat(self, path: str) -> Blob | None:  # noqa: ARG002 - as storage has it
        """No answer that anybody expects."""
        raise RuntimeError(f"https://account.example.com/models?sig={SECRET} Bearer {SECRET}")


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What the endpoint logs, as lines of JSON."""
    stream = StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger("registry")
    handler.setFormatter(JsonLines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def said(lines: StringIO, number: int) -> list[dict[str, Any]]:
    """So many lines; a request is told of when its answer is on its way."""
    deadline = time.monotonic() + 10
    while lines.getvalue().count("\n") < number and time.monotonic() < deadline:
        time.sleep(0.01)
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert len(found) == number
    return found


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/models/none/1", "models", "model/x/1", "nothing"],
)
def test_every_answer_has_the_headers_that_keep_browsers_safe(endpoint: Running, path: str) -> None:
    answer = endpoint.call("GET", path)
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Strict-Transport-Security" not in answer.headers
    assert "Server" not in answer.headers


def test_behind_tls_browsers_are_told_to_stay_there(endpoint: Running) -> None:
    answer = endpoint.call("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_request_keeps_its_id_and_a_bad_one_gets_another(endpoint: Running) -> None:
    assert (
        endpoint.call("GET", "/healthz", headers={"X-Request-ID": "run-7.a_B"}).headers["X-Request-ID"] == "run-7.a_B"
    )
    for given in ("", "a b", "x" * 65, '"><script>', "ä".encode().decode("latin-1")):
        answer = endpoint.call("GET", "/healthz", headers={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


def test_a_request_is_one_line_without_query_and_token(start: Start, lines: StringIO) -> None:
    secret, token = make_token("ci", "read")
    running = start(tokens=(token,))
    headers = {"Authorization": f"Bearer {secret}", "X-Request-ID": "mine"}
    url = f"{running.url}/api/v1.0/model/zen/1.0/files/sig%3D{SECRET}?sig={SECRET}&token={SECRET}"
    assert requests.get(url, headers=headers, timeout=TIMEOUT).status_code == 404
    (line,) = said(lines, 1)
    seconds = line.pop("seconds")
    assert 0 < seconds < 10
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "registry.server",
        "message": "GET /api/v1.0/model/zen/1.0/files/sig%3D*** 404",
        "request_id": "mine",
        "method": "GET",
        "path": "/api/v1.0/model/zen/1.0/files/sig%3D***",
        "route": "/api/v1.0/model/{name}/{version}/files/{target:path}",
        "status": 404,
        "caller": "ci",
    }


def test_a_mistake_is_500_with_its_id_and_the_log_says_where(start: Start, tmp_path: Path, lines: StringIO) -> None:
    running = start(storage=Broken(tmp_path / "broken"))
    answer = running.call("GET", "/readyz", headers={"X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    mistake, request = said(lines, 2)
    assert (mistake["level"], mistake["request_id"], request["status"]) == ("error", "mine", 500)
    assert "RuntimeError" in mistake["message"]
    assert SECRET not in lines.getvalue() + answer.text


def test_more_requests_than_one_caller_may_send_are_answered_429(start: Start) -> None:
    secret, token = make_token("ci", "read")
    running = start(tokens=(token,), pace=Pace(0.3))
    for _ in range(3):
        assert running.call("GET", "models").status_code == 401
    refused = running.call("GET", "models")
    assert (refused.status_code, refused.headers["Content-Type"]) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= 4
    assert running.call("GET", "/healthz").status_code == 200
    allowed = running.call("GET", "models", headers={"Authorization": f"Bearer {secret}"})
    assert allowed.status_code == 200, "another caller"


@pytest.mark.parametrize("host", ["[", "a b", "a/b", "a:b", "a@b", "[::1", "a:1:2", "[zz]", "a,b", "é", "x" * 300])
def test_a_host_that_is_none_is_answered_400(start: Start, host: str) -> None:
    for running in (start(), start(token="token", policy=Policy(public_reads=True))):
        answer = running.call("GET", "models", headers={"Host": host.encode().decode("latin-1")})
        assert answer.status_code == 400


def measures(running: Running) -> dict[str, float]:
    """What Prometheus reads."""
    answer = running.call("GET", "/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    rows = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def test_measures_tell_what_was_answered_and_what_is_registered(start: Start) -> None:
    running = start()
    running.register("counted/1.0")
    running.register("counted/2.0")
    running.withdraw("counted/1.0")
    running.call("GET", "model/counted/1.0")
    running.call("GET", "nothing")
    time.sleep(0.1)  # what is answered is counted right after
    found = measures(running)
    route = 'route="/api/v1.0/model/{name}/{version}"'
    assert found[f'registry_requests_total{{method="PUT",{route},status="201"}}'] == 2
    assert found[f'registry_requests_total{{method="GET",{route},status="200"}}'] == 1
    assert found[f'registry_request_seconds_count{{method="PATCH",{route}}}'] == 1
    assert found['registry_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found["registry_requests_in_flight"] == 1
    assert found['registry_versions{state="active"}'] == 1
    assert found['registry_versions{state="withdrawn"}'] == 1


def test_strangers_add_no_measures(start: Start) -> None:
    running = start()
    known = []
    for number in range(20):
        running.call(f"M{number}", f"model/x/{number}")
        running.call("GET", f"nothing/{number}")
        time.sleep(0.01)
        known.append(len(measures(running)))
    assert known[2:] == [known[2]] * 18


def test_measures_of_two_endpoints_are_apart(start: Start) -> None:
    one, other = start(), start()
    one.call("GET", "models")
    assert 'registry_requests_total{method="GET",route="/api/v1.0/models",status="200"}' not in measures(other)


def test_where_there_are_tokens_measures_are_for_their_holders(start: Start) -> None:
    running = start(token="token", policy=Policy(public_reads=True))
    assert requests.get(f"{running.url}/metrics", timeout=TIMEOUT).status_code == 401
    assert running.call("GET", "/metrics").status_code == 200


class Down(Folder):
    """Storage that does not answer, whose error tells a secret."""

    def stat(self, path: str) -> Blob | None:  # noqa: ARG002 - as storage has it
        """No answer."""
        raise StorageError(f"no route to https://account.example.com/models?sig={SECRET}")


def test_what_does_not_answer_is_logged_under_the_requests_id(start: Start, tmp_path: Path, lines: StringIO) -> None:
    running = start(storage=Down(tmp_path / "down"))
    assert running.call("GET", "/readyz", headers={"X-Request-ID": "mine"}).status_code == 503
    warning, _ = said(lines, 2)
    assert (warning["level"], warning["request_id"]) == ("warning", "mine")
    assert "no route to https://account.example.com/models" in warning["message"]
    assert SECRET not in lines.getvalue()
