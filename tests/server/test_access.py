"""Who may read and write, and what is told to those who may not."""

from __future__ import annotations

import logging

import pytest
import requests

from registry.errors import SettingsError
from registry.policy import Policy
from registry.server.access import Access
from registry.tokens import make_token
from tests.server.conftest import TIMEOUT, Running, Start

TOKEN = "the-token-of-the-endpoint"
WRITES = ("PUT", "PATCH", "DELETE")
READS = ("model/open/1.0", "model/open/1.0/status", "model/open/1.0/index", "model/open/1.0/files/index.md", "models")


def anonymous(running: Running, method: str, path: str, **headers: str) -> requests.Response:
    """One request without our token."""
    url = running.url + (path if path.startswith("/") else f"/api/v1.0/{path}")
    return requests.request(method, url, headers=headers, json={} if method in WRITES else None, timeout=TIMEOUT)


def with_two_versions(running: Running) -> Running:
    """A public version and a private one."""
    running.register("open/1.0", model_config__private=False)
    running.register("shut/1.0")
    return running


@pytest.mark.parametrize("method", WRITES)
def test_writes_need_the_token(start: Start, method: str) -> None:
    running = start(token=TOKEN, policy=Policy(public_reads=True))
    missing = anonymous(running, method, "model/open/1.0")
    assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (401, 'Bearer realm="registry"')
    for sent in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", "Bearer ünïcode"):
        wrong = anonymous(running, method, "model/open/1.0", Authorization=sent.encode().decode("latin-1"))
        assert wrong.status_code == 401
        assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
        assert wrong.headers["Content-Type"] == "application/problem+json"


def test_reads_need_the_token_too(start: Start) -> None:
    running = with_two_versions(start(token=TOKEN))
    for path in (*READS, "/", "/models/open/1.0"):
        assert anonymous(running, "GET", path).status_code == 401
        assert running.call("GET", path).status_code == 200


def test_public_reads_show_public_versions_and_hide_private_ones(start: Start) -> None:
    running = with_two_versions(start(token=TOKEN, policy=Policy(public_reads=True)))
    for path in (*READS, "/", "/models/open/1.0"):
        answer = anonymous(running, "GET", path)
        assert answer.status_code == 200
        assert "shut" not in answer.text
    for path in ("model/shut/1.0", "model/shut/1.0/status", "model/shut/1.0/files/index.md", "/models/shut/1.0"):
        assert anonymous(running, "GET", path).status_code == 404
        assert anonymous(running, "GET", path, Authorization="Bearer wrong").status_code == 404
        assert running.call("GET", path).status_code == 200
    assert len(running.call("GET", "models").json()) == 2


def test_a_404_says_whether_a_token_might_see_more(start: Start) -> None:
    running = with_two_versions(start(token=TOKEN, policy=Policy(public_reads=True)))
    for path in ("model/shut/1.0", "model/none/1.0", "model/none/1.0/status"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert anonymous(running, "GET", path, **headers).headers["WWW-Authenticate"] == 'Bearer realm="registry"'
    hidden, missing = anonymous(running, "GET", "model/shut/1.0"), anonymous(running, "GET", "model/none/1.0")
    assert hidden.headers.keys() == missing.headers.keys()
    assert "WWW-Authenticate" not in running.call("GET", "model/none/1.0").headers
    assert "WWW-Authenticate" not in anonymous(running, "GET", "model/open/1.0").headers


def test_without_a_token_everything_is_open_under_a_loopback_name_only(start: Start) -> None:
    running = with_two_versions(start())
    port = running.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert anonymous(running, "GET", "model/shut/1.0", Host=host).status_code == 200
        assert "WWW-Authenticate" not in anonymous(running, "GET", "model/none/1.0", Host=host).headers
    for host in ("rebound.example.com", "10.0.0.1", "localhost.example.com"):
        for method in ("GET", *WRITES):
            answer = anonymous(running, method, "model/shut/1.0", Host=host)
            assert answer.status_code == 403
            assert "WWW-Authenticate" in answer.headers


def test_health_is_open(start: Start) -> None:
    running = start(token=TOKEN)
    assert anonymous(running, "GET", "/healthz").json() == {"status": "ok"}
    ready = anonymous(running, "GET", "/readyz")
    assert (ready.status_code, ready.json().keys()) == (200, {"status", "instance", "generation"})


def test_a_token_for_reading_reads_and_changes_nothing(start: Start) -> None:
    running = with_two_versions(start())
    read, reader = make_token("reader", "read")
    write, writer = make_token("writer", "write")
    guarded = start(tokens=(reader, writer))
    for path in (*READS, "model/shut/1.0", "/", "/models/open/1.0"):
        assert anonymous(guarded, "GET", path, Authorization=f"bearer  {read}").status_code == 200
    for method in WRITES:
        refused = anonymous(guarded, method, "model/open/1.0", Authorization=f"Bearer {read}")
        assert refused.status_code == 403
        assert 'error="insufficient_scope", scope="write"' in refused.headers["WWW-Authenticate"]
        allowed = anonymous(guarded, method, "model/none/1.0", Authorization=f"Bearer {write}")
        assert allowed.status_code in (404, 422)
    assert running.call("GET", "model/open/1.0").status_code == 200


def test_a_digest_is_no_token(start: Start) -> None:
    secret, token = make_token("writer", "write")
    running = start(tokens=(token,))
    for sent in (token.digest.hex(), f"sha256:{token.digest.hex()}", str(token), secret[:-1], secret.upper()):
        assert anonymous(running, "GET", "models", Authorization=f"Bearer {sent}").status_code == 401
    assert anonymous(running, "GET", "models", Authorization=f"Bearer {secret}").status_code == 200


def test_an_empty_token_is_refused(start: Start) -> None:
    with pytest.raises(SettingsError):
        start(token=" ")


def test_the_token_is_in_no_answer_and_no_log(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    running = with_two_versions(start(token=TOKEN))
    answers = [running.call("GET", path).text for path in (*READS, "/", "/openapi.json", "/readyz", "model/none/1")]
    assert TOKEN not in "".join(answers)
    assert TOKEN not in caplog.text
    secret, token = make_token("writer", "write")
    assert secret not in repr(Access((token,)))
    assert token.digest.hex() not in repr(Access((token,)))
