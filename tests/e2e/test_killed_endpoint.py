"""The endpoint is killed while it registers and copies: nothing half-visible, nothing lost that was answered 2xx."""

from __future__ import annotations

import hashlib
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.storage.folder import Folder
from tests.azurite import free_port
from tests.build import FILES, a_descriptor, a_repository
from tests.command import started
from tests.databases import KINDS, Database, new_database
from tests.e2e.sources import source

WEIGHTS = b"weights" * 400_000  # long enough to be killed in the middle of
CONTENTS = {**FILES, "model.bin": WEIGHTS}
SERVED = {f"/files/{target}?sig=SECRET": content for target, content in CONTENTS.items()}
KILLS = 3
WRITERS = 4


class Service:
    """`registry serve` as a process that is killed and started again, always at one address."""

    def __init__(self, repository: Path, env: dict[str, str]) -> None:
        self.repository, self.env, self.port = repository, env, free_port()
        self.url = f"http://127.0.0.1:{self.port}/api/v1.0"
        self.log = repository / "serve.log"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Until the block ends, then without mercy."""
        with self.log.open("a") as output:
            server = started(self.repository, "serve", "--port", str(self.port), env=self.env, output=output)
            try:
                self._wait(server)
                yield server
            finally:
                server.kill()
                server.wait(timeout=30)

    def _wait(self, server: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 30
        while True:
            with suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).ok:
                    return
            assert server.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database of each kind."""
    return new_database(request.param, request)(tmp_path)


def a_put(service: Service, storage: Folder, model: str, sources: str | None) -> dict[str, Any]:
    """The body of a PUT: of files from a source, or of files that are in storage already."""
    descriptor = a_descriptor(license=None)
    if sources is not None:
        return descriptor | {"model_files": {target: f"{sources}/files/{target}?sig=SECRET" for target in CONTENTS}}
    for target, content in CONTENTS.items():
        with suppress(Exception):  # it is there since an earlier attempt
            blob = storage.create(f"{model}/{target}", [content])
            storage.record_digest(blob, hashlib.sha256(content).hexdigest())
    files = {target: f"{service.url}/model/{model}/files/{target}" for target in CONTENTS}
    return descriptor | {"model_files": files}


def test_a_killed_endpoint_loses_nothing_and_shows_no_half(tmp_path: Path, database: Database) -> None:
    with source(SERVED) as url:
        repository = a_repository(tmp_path / "repository", settings_for(url))
        storage = Folder(tmp_path / "storage")
        env = {"REGISTRY_STORAGE": str(tmp_path / "storage"), "REGISTRY_DATABASE": database.url}
        service = Service(repository, env)
        answered: dict[str, int] = {}
        sent: list[str] = []
        over = threading.Event()

        def write(writer: int) -> None:
            number = 0
            while not over.is_set():
                number += 1
                model = f"model-{writer}-{number}/1.0"
                body = a_put(service, storage, model, url if number % 2 else None)
                sent.append(model)
                with suppress(requests.RequestException):
                    answered[model] = requests.put(f"{service.url}/model/{model}", json=body, timeout=30).status_code
                time.sleep(0.05)

        chance = random.Random(7)
        for _ in range(KILLS):
            over.clear()
            writers = [threading.Thread(target=write, args=(len(sent) + n,)) for n in range(WRITERS)]
            with service.running():
                for writer in writers:
                    writer.start()
                time.sleep(chance.uniform(0.3, 1.2))
            over.set()
            for writer in writers:
                writer.join()
        with service.running():
            check(service, sent, answered)
        assert {201, 202} <= set(answered.values()) <= {201, 202}
        assert "SECRET" not in service.log.read_text()
        assert "Traceback" not in service.log.read_text()


def check(service: Service, sent: list[str], answered: dict[str, int]) -> None:
    """Each version is wholly there or not at all, and what was answered with success is there."""
    for model in sent:
        record = whole(service, model)
        if model in answered:
            assert record, f"{model} was answered {answered[model]}"
    listed = {f"{entry['name']}/{entry['version']}" for entry in everything(service)}
    assert listed == {model for model in sent if whole(service, model)}


def whole(service: Service, model: str) -> bool:
    """Whether a version is there, then with all its bytes; what was interrupted is waited for."""
    deadline = time.monotonic() + 60
    while True:
        status = requests.get(f"{service.url}/model/{model}/status", timeout=10)
        record = requests.get(f"{service.url}/model/{model}", timeout=10)
        if status.status_code == 404:
            assert record.status_code == 404
            return False
        state = status.json()["state"]
        assert state != "Failed", status.json()
        if state == "Finished":
            break
        assert time.monotonic() < deadline, status.json()
        time.sleep(0.1)
    files = requests.get(f"{service.url}/model/{model}", timeout=10).json()["model_files"]
    assert files.keys() == CONTENTS.keys()
    return all(requests.get(files[t]["url"], timeout=10).content == content for t, content in CONTENTS.items())


def everything(service: Service) -> list[Any]:
    """All that is listed."""
    answer = requests.get(f"{service.url}/models", params={"limit": "1000"}, timeout=10)
    found: list[Any] = answer.json()
    return found


def settings_for(url: str) -> str:
    """Settings that let the source through."""
    return f'[tool.registry.policy]\nallow_loopback = true\nsources = ["{url}/"]\n'
