"""A real storage emulator for the tests, with two accounts that do not trust each other."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parent.parent
MAIN = ROOT / "scripts/node/node_modules/azurite/dist/src/blob/main.js"
INSTALL = "npm ci --prefix scripts/node --no-audit --no-fund"
ACCOUNTS = ("source", "private")


class Azurite:
    """One running emulator on loopback; everything in it is gone when it stops."""

    def __init__(self, arguments: tuple[str, ...] = (), scheme: str = "http") -> None:
        self._arguments = arguments
        self._scheme = scheme
        self._keys = {account: base64.b64encode(secrets.token_bytes(32)).decode() for account in ACCOUNTS}
        self.port = free_port()

    def key(self, account: str) -> str:
        """The shared key of `source` or `private`."""
        return self._keys[account]

    def url(self, account: str, container: str) -> str:
        """Where a container of an account is."""
        return f"{self._scheme}://127.0.0.1:{self.port}/{account}/{container}"

    @contextmanager
    def running(self) -> Iterator[Azurite]:
        """Start, wait until it answers, and stop it however the block ends."""
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
            process = self._start(folder, output)
            try:
                self._wait(process, output)
                yield self
            finally:
                _stop(process)

    def _start(self, folder: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        accounts = ";".join(f"{account}:{key}" for account, key in self._keys.items())
        command = [_node(), str(MAIN), "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--inMemoryPersistence"]
        command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent", *self._arguments]
        environment = {**os.environ, "AZURITE_ACCOUNTS": accounts}
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def _wait(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        deadline = time.monotonic() + 30
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                output.seek(0)
                pytest.fail(f"Azurite did not start: {output.read().decode(errors='replace')}")
            time.sleep(0.05)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _node() -> str:
    node = shutil.which("node")
    if node and MAIN.exists():
        return node
    message = f"Azurite is not installed: {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
