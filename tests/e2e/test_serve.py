"""`registry serve` and `registry token`, as they are installed."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
import requests

from tests.azurite import free_port
from tests.build import a_repository
from tests.command import registry, started

ELSEWHERE = "0.0.0.0"  # noqa: S104 - refused before anything listens


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings alone."""
    return a_repository(tmp_path / "repository")


def test_a_token_is_printed_with_the_line_that_keeps_it(tmp_path: Path) -> None:
    done = registry(tmp_path, "token", "reconciler", "--scope", "write")
    secret, kept = done.out.splitlines()
    assert done.code == 0
    assert re.fullmatch("rgt_[0-9a-f]{64}", secret)
    assert re.fullmatch("sha256:[0-9a-f]{64} write reconciler", kept)
    assert secret not in done.err + kept


def test_a_token_without_a_good_name_is_an_error_of_usage(tmp_path: Path) -> None:
    done = registry(tmp_path, "token", "two words")
    assert (done.code, done.out) == (2, "")
    assert "hint: " in done.err


def test_without_tokens_nothing_but_loopback_is_served(repository: Path) -> None:
    done = registry(repository, "serve", "--host", ELSEWHERE, "--port", "0")
    assert done.code == 2
    assert "error: without a token the endpoint does not listen on 0.0.0.0" in done.err
    assert "hint: make one with `registry token NAME --scope write`" in done.err
    assert not (repository / ".registry").exists()


@pytest.mark.parametrize("what", ["nonsense", "missing"])
def test_tokens_that_cannot_be_read_are_an_error_of_usage(repository: Path, what: str) -> None:
    file = repository / "tokens"
    if what == "nonsense":
        file.write_text("rgt_a-token-in-clear\n")
    done = registry(repository, "serve", "--host", ELSEWHERE, env={"REGISTRY_TOKENS_FILE": str(file)})
    assert done.code == 2
    assert "REGISTRY_TOKENS_FILE" in done.err
    assert "rgt_" not in done.err


@contextmanager
def serving(repository: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, Popen[str]]]:
    """`registry serve` on a free port, and its log in `.registry/serve.log`."""
    port = free_port()
    log = repository / "serve.log"
    with log.open("w") as output:
        process = started(repository, "serve", "--port", str(port), *arguments, env=env, output=output)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: get(f"{url}/healthz") is not None)
            yield url, process
        finally:
            process.kill()
            process.wait()


def get(url: str, **headers: str) -> requests.Response | None:
    """The answer, or None where nobody takes the connection."""
    try:
        return requests.get(url, headers=headers, timeout=30)
    except requests.ConnectionError:
        return None


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that comes in seconds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(answer: requests.Response | None) -> int | None:
    """The status, or None where there was no answer."""
    return None if answer is None else answer.status_code


def test_tokens_of_a_file_open_the_endpoint(repository: Path) -> None:
    secret, kept = registry(repository, "token", "reader").out.splitlines()
    (repository / "tokens").write_text(f"# who may\n{kept}\n")
    with serving(repository, "--host", "127.0.0.1", env={"REGISTRY_TOKENS_FILE": "tokens"}) as (url, _):
        assert status(get(f"{url}/api/v1.0/models")) == 401
        assert status(get(f"{url}/api/v1.0/models", Authorization=f"Bearer {secret}")) == 200
        wait_until(lambda: '"caller": "reader"' in (repository / "serve.log").read_text())
    assert secret not in (repository / "serve.log").read_text()


def test_a_signal_turns_readiness_off_and_what_is_in_flight_is_finished(repository: Path) -> None:
    with serving(repository, "--drain", "2") as (url, process):
        assert status(get(f"{url}/readyz")) == 200
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 30) as slow:
            head = f"PUT /api/v1.0/model/slow/1.0 HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            slow.sendall(f"{head}Content-Length: 2\r\n\r\n{{".encode())
            process.terminate()
            wait_until(lambda: status(get(f"{url}/readyz")) == 503)
            assert status(get(f"{url}/api/v1.0/models")) == 200, "others may not have seen it yet"
            wait_until(lambda: get(f"{url}/healthz") is None)
            assert process.poll() is None
            slow.sendall(b"}")
            assert slow.recv(100).startswith(b"HTTP/1.1 422 ")
        assert process.wait(10) == 0


def test_a_signal_in_the_start_ends_no_request_that_has_come(repository: Path) -> None:
    """Each process hears the signal after it listens; until then a connection that waits for it would be reset."""
    port, asked = free_port(), []
    with started(repository, "serve", "--port", str(port), "--drain", "2", "--workers", "8") as process:
        wait_until(lambda: is_open(port))
        head = "PUT /api/v1.0/model/slow/1.0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        with ExitStack() as stack:
            for _ in range(40):
                asked.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)))
                asked[-1].sendall(f"{head}Content-Length: 2\r\n\r\n{{".encode())
            process.terminate()
            for one in asked:
                one.sendall(b"}")
                assert one.recv(100).startswith(b"HTTP/1.1 422 ")
        assert process.wait(20) == 0


def test_a_second_signal_in_the_start_ends_at_once(repository: Path) -> None:
    port = free_port()
    with started(repository, "serve", "--port", str(port), "--drain", "60", "--workers", "8") as process:
        wait_until(lambda: is_open(port))
        process.terminate()
        time.sleep(0.05)  # of two that come at once a process sees one
        process.terminate()
        assert process.wait(20) == 0


def is_open(port: int) -> bool:
    """Whether somebody takes a connection."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_second_signal_ends_at_once(repository: Path) -> None:
    with serving(repository, "--drain", "60") as (url, process):
        process.send_signal(signal.SIGINT)
        wait_until(lambda: status(get(f"{url}/readyz")) == 503)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert "Traceback" not in (repository / "serve.log").read_text()


def test_the_log_is_lines_of_json_but_for_the_greeting(repository: Path) -> None:
    with serving(repository, "--log", "json") as (url, process):
        get(f"{url}/api/v1.0/models?q=SECRET", **{"X-Request-ID": "mine"})
        wait_until(lambda: '"mine"' in (repository / "serve.log").read_text())
        process.terminate()
        assert process.wait(10) == 0
    greeting, *lines = (repository / "serve.log").read_text().splitlines()
    assert greeting.startswith("the catalog is at http://127.0.0.1:")
    found = [json.loads(line) for line in lines]
    (request,) = [line for line in found if line.get("request_id") == "mine"]
    assert (request["path"], request["status"]) == ("/api/v1.0/models", 200)
    assert "SECRET" not in "".join(lines)
