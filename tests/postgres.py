"""A real PostgreSQL for the tests, from the packages of Debian; everything in it is gone when it stops."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.azurite import free_port

BINARIES = Path("/usr/lib/postgresql")
INSTALL = "apt-get install --no-install-recommends postgresql"
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "unix_socket_directories=",
)


class Postgres:
    """One running server on loopback, whose own order of text is that of a language: ours must not follow it."""

    def __init__(self, settings: tuple[str, ...] = FAST) -> None:
        self._settings = settings
        self._password = secrets.token_hex(16)
        self.port = free_port()

    def url(self, database: str = "postgres") -> str:
        """Where a database is, for its owner."""
        return f"postgresql://owner:{self._password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"test_{secrets.token_hex(6)}"
        with closing(psycopg.connect(self.url(), autocommit=True)) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    @contextmanager
    def running(self) -> Iterator[Postgres]:
        """Start, wait until it answers, and stop it however the block ends."""
        binaries = _binaries()
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            log = Path(folder) / "log"
            _give_away(Path(folder))
            self._initialise(binaries, data)
            process = self._start(binaries, data, log)
            try:
                self._wait(process, log)
                yield self
            finally:
                process.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is still connected
                process.wait(timeout=30)

    def _initialise(self, binaries: Path, data: Path) -> None:
        secret = data.with_name("password")
        secret.write_text(self._password)
        secret.chmod(0o644)  # in a folder that is closed to others
        command = [str(binaries / "initdb"), "--pgdata", str(data), "--username=owner", f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        command += ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
        done = subprocess.run(command, user=_user(), cwd=data.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def _start(self, binaries: Path, data: Path, log: Path) -> subprocess.Popen[bytes]:
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(self.port), "-h", "127.0.0.1"]
        for setting in self._settings:
            command += ["-c", setting]
        with log.open("wb") as output:
            return subprocess.Popen(command, user=_user(), cwd=data.parent, stdout=output, stderr=output)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
                time.sleep(0.05)
            else:
                return


def _binaries() -> Path:
    """The newest server that is installed."""
    found = sorted(BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    message = f"PostgreSQL is not installed: {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _user() -> str | None:
    """The server refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def _give_away(folder: Path) -> None:
    if user := _user():
        shutil.chown(folder, user)
