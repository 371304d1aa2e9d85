"""Thousands of requests that nobody should send: none is answered 500, tells a secret, or costs memory."""

from __future__ import annotations

import http.client
import json
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from registry.storage.folder import Folder
from registry.tokens import make_token
from tests.azurite import free_port
from tests.build import a_repository
from tests.command import started
from tests.databases import Database
from tests.e2e.sources import source
from tests.hostile.test_redirects import inner
from tests.server.conftest import Running
from tests.server.hostile import SECRET, TOO_LARGE, Attack, Known, attacks, kinds

NUMBER = int(os.environ.get("HOSTILE_REQUESTS", "2000"))
TIMEOUT = 60
GROWTH = 48 * 1024 * 1024  # bytes that the memory may grow by after the first fifth of the requests
MAY_END = ("headers", "sizes", "bodies", "paths: methods")  # where HTTP itself is broken, or a body is left unread
JSON = {"Content-Type": "application/json"}
UNANSWERED = 0  # the connection ended without an answer, as it may where the request breaks HTTP


@dataclass(frozen=True)
class Attacked:
    """An endpoint of its own process, and what stands around it."""

    known: Known
    process: Popen[str]
    running: Running
    reached: list[bytes]  # what came to the server that nobody may be led to

    @property
    def memory(self) -> int:
        """Bytes that the process holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def send(self, attack: Attack) -> tuple[int, bytes]:
        """Status and answer."""
        return _send_raw(self.known.host, attack.raw) if attack.raw is not None else _send(self.known.host, attack)


def _send(host: str, attack: Attack) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(host, timeout=TIMEOUT)) as connection:
        connection.putrequest(attack.method, attack.path, skip_host="Host" in attack.headers)
        for name, value in attack.headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(attack.body or b"")))
        try:
            connection.endheaders(attack.body)
            answer = connection.getresponse()
            return answer.status, answer.read() + str(answer.headers).encode()
        except (ConnectionError, http.client.BadStatusLine):
            return UNANSWERED, b""


def _send_raw(host: str, raw: bytes) -> tuple[int, bytes]:
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), TIMEOUT) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)  # nothing more comes, whatever was announced
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            return UNANSWERED, b""
    return (int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else UNANSWERED), answer


@contextmanager
def attacked(folder: Path) -> Iterator[Attacked]:
    """`registry serve` with a token, one version, a source on the allow-list, and an inner server."""
    secret, token = make_token("writer", "write")
    with inner("127.0.0.2") as hidden, source(leading(hidden.port)) as allowed:
        settings = f'[tool.registry.policy]\nallow_loopback = true\nsources = ["{allowed}/"]\n'
        repository, port = a_repository(folder / "repository", settings), free_port()
        known = Known(f"127.0.0.1:{port}", secret, "known/1.0", allowed, f"127.0.0.2:{hidden.port}")
        arguments = ("serve", "--port", str(port), "--workers", "1", "--rate", "0", "--log", "json")
        with (folder / "serve.log").open("w") as log:
            process = started(repository, *arguments, env={"REGISTRY_TOKENS": str(token)}, output=log)
            try:
                wait_for(known.host, process)
                storage = Folder(repository / ".registry" / "storage")
                running = Running(
                    f"http://{known.host}",
                    storage,
                    Database(f"sqlite:///{repository / '.registry' / 'registry.db'}"),
                    secret,
                )
                running.register(known.model)
                yield Attacked(known, process, running, hidden.received)
            finally:
                process.terminate()
                process.wait(60)


def leading(inner_port: int) -> dict[str, bytes | int | str]:
    """Where a contributor's server sends who asks it."""
    answers: dict[str, bytes | int | str] = {
        "/inner": f"http://127.0.0.2:{inner_port}/?sig={SECRET}",
        "/file": "file:///etc/passwd",
        "/metadata": f"http://169.254.169.254/?sig={SECRET}",
        "/name": f"http://localhost:1/?sig={SECRET}",
        "/loop": f"/loop?sig={SECRET}",
        "/nothing": "",
        "/brackets": f"http://[{SECRET}",
        "/bytes": "\xa0\xe9",
        "/list": 303,
        "/far": f"https://far.example/?sig={SECRET}",
    }
    return {f"{path}?sig={SECRET}": answer for path, answer in answers.items()}


def wait_for(host: str, process: Popen[str]) -> None:
    """Until somebody takes connections."""
    name, _, port = host.partition(":")
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as tried:
            if tried.connect_ex((name, int(port))) == 0:
                return
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_class_has_kinds_enough() -> None:
    named = {"bodies", "URLs", "redirects", "DNS", "tokens", "ranges", "headers", "paths", "cursors", "sizes"}
    assert kinds().keys() == named
    assert min(map(len, kinds().values())) >= 5


@pytest.mark.timeout(900)
def test_thousands_of_hostile_requests_do_no_harm(tmp_path: Path) -> None:
    with attacked(tmp_path) as found, ThreadPoolExecutor(4) as pool:
        before = found.running.call("GET", "model/known/1.0").json()
        requests = attacks(NUMBER, found.known)
        first = list(pool.map(found.send, requests[: NUMBER // 5]))
        memory = found.memory
        answers = first + list(pool.map(found.send, requests[NUMBER // 5 :]))
        settle(found.running.database)
        growth = found.memory - memory
        statuses = Counter((attack.kind, status) for attack, (status, _) in zip(requests, answers, strict=True))
        assert [pair for pair in statuses if pair[1] >= 500] == []
        assert [
            attack.kind for attack, (_, text) in zip(requests, answers, strict=True) if SECRET.encode() in text
        ] == []
        assert [kind for kind, status in statuses if status == UNANSWERED and not kind.startswith(MAY_END)] == []
        assert found.reached == []
        assert found.running.call("GET", "model/known/1.0").json() == before
        assert growth < GROWTH
        assert sum(1 for _, status in statuses.elements() if 200 <= status < 300) < NUMBER / 2
    check_log(tmp_path / "serve.log", found.known.token)
    assert SECRET not in stored(found.running.database)


def check_log(log: Path, token: str) -> None:
    """Each line is one of JSON, none of a mistake, and none holds a secret."""
    text = log.read_text()
    assert SECRET not in text
    assert token not in text
    lines = [json.loads(line) for line in text.splitlines()[1:]]
    assert [line for line in lines if line["level"] == "error"] == []
    assert len(lines) > NUMBER / 2


def settle(database: Database) -> None:
    """Wait until whatever was accepted has ended."""
    deadline = time.monotonic() + 120
    while database.rows("SELECT 1 FROM registrations WHERE state = 'InProgress'"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stored(database: Database) -> str:
    """What the database holds, but for passwords, which it keeps."""
    database.rows("DELETE FROM passwords")
    return database.everything()


def test_bodies_that_are_too_large_are_refused_and_not_kept(tmp_path: Path) -> None:
    with attacked(tmp_path) as found:
        body, before = b" " * TOO_LARGE, found.memory
        for _ in range(20):
            assert found.running.call("PUT", "model/a1/1", data=body, headers=JSON).status_code == 413
        assert found.memory - before < GROWTH
