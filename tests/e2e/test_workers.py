"""`registry serve` with several processes: they are one endpoint for whoever asks, watches or stops it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.build import a_repository
from tests.command import registry
from tests.e2e.test_serve import get, serving, status, wait_until

NUMBER = 3


@contextmanager
def workers(repository: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, Popen[str]]]:
    """An endpoint of some processes."""
    with serving(repository, "--workers", str(NUMBER), *arguments, env=env) as (url, process):
        wait_until(lambda: len(children(process.pid)) == NUMBER)
        yield url, process


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings alone."""
    return a_repository(tmp_path / "repository")


def children(pid: int) -> set[int]:
    """The processes that one has started."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_there(pid: int) -> bool:
    """Whether a process goes on; one that has ended and was not noticed yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_they_share_the_connections_and_measure_together(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    with workers(repository, env={"TMPDIR": str(tmp_path / "temporary")}) as (url, process):
        before = counted(url)
        for _ in range(60):  # each on a connection of its own
            assert status(get(f"{url}/healthz")) == 200
        wait_until(lambda: counted(url) == before + 60)
        assert len(list((tmp_path / "temporary").rglob("counter_*.db"))) == NUMBER, "each has answered"
        process.terminate()
        assert process.wait(20) == 0
    log = (repository / "serve.log").read_text()
    assert log.count("the catalog is at ") == 1
    assert "Traceback" not in log


def counted(url: str) -> int:
    """The requests for health that were answered, as any of the processes tells it."""
    answer = get(f"{url}/metrics")
    assert answer is not None
    rows = [line for line in answer.text.splitlines() if line.startswith("registry_requests_total{")]
    return sum(int(float(row.rpartition(" ")[2])) for row in rows if 'route="/healthz"' in row)


def test_one_that_is_killed_is_replaced(repository: Path) -> None:
    with workers(repository) as (url, process):
        before = children(process.pid)
        os.kill(killed := min(before), signal.SIGKILL)
        wait_until(lambda: len(children(process.pid) - {killed}) == NUMBER)
        wait_until(lambda: status(get(f"{url}/readyz")) == 200)
    assert f"process {killed} ended with -9; another takes its place" in (repository / "serve.log").read_text()


def test_whoever_stops_all_of_them_at_once_cuts_nothing_off(repository: Path) -> None:
    with workers(repository) as (url, process):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 30) as slow:
            head = f"PUT /api/v1.0/model/slow/1.0 HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            slow.sendall(f"{head}Content-Length: 2\r\n\r\n{{".encode())
            time.sleep(0.3)
            for pid in (*children(process.pid), process.pid):
                os.kill(pid, signal.SIGTERM)
            wait_until(lambda: get(f"{url}/healthz") is None)
            slow.sendall(b"}")
            assert slow.recv(100).startswith(b"HTTP/1.1 422 ")
        assert process.wait(20) == 0


def test_none_outlives_the_one_that_watches_over_them(repository: Path) -> None:
    with workers(repository) as (url, process):
        left = children(process.pid)
        process.kill()
        wait_until(lambda: not any(is_there(pid) for pid in left))
        assert get(f"{url}/healthz") is None


def test_a_second_endpoint_at_their_address_is_an_error_of_usage(repository: Path) -> None:
    with workers(repository) as (url, _):
        done = registry(repository, "serve", "--port", url.rpartition(":")[2])
    assert done.code == 2
    assert done.err.startswith("error: cannot listen on 127.0.0.1:")
    assert ": Address already in use\nhint: " in done.err


def test_a_caller_has_one_pace_with_all_of_them(repository: Path) -> None:
    with workers(repository, "--rate", "1") as (url, _):
        found = [status(get(f"{url}/api/v1.0/models")) for _ in range(40)]
    assert set(found) == {200, 429}
    assert 5 <= found.count(200) <= 20, "ten at once and one a second; for each alone it would be thirty"


def test_a_database_that_has_no_folder_is_said_in_words(repository: Path) -> None:
    done = registry(repository, "serve", "--port", "0", env={"REGISTRY_DATABASE": "sqlite:////proc/none/registry.db"})
    assert done.code == 3
    assert "error: the database cannot be opened: " in done.err
    assert "hint: see whether its folder is there" in done.err


def test_what_keeps_all_of_them_from_starting_is_said_once(repository: Path) -> None:
    env = {"REGISTRY_DATABASE": "postgresql://registry:SECRET@127.0.0.1:1/none"}
    done = registry(repository, "serve", "--port", "0", "--workers", str(NUMBER), env=env)
    assert done.code == 3
    assert done.err.count("error: the database did not answer") == 1
    assert "SECRET" not in done.err
