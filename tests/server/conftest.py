"""A running endpoint over a folder, reached over HTTP."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from registry.copying import Copier
from registry.patience import Patience
from registry.policy import Policy
from registry.server.api import make_app
from registry.server.copies import Copies
from registry.server.embedded import serve_embedded
from registry.server.pace import Pace
from registry.server.records import Records
from registry.sources import Sources
from registry.storage import Storage
from registry.storage.folder import Folder
from registry.tokens import Token
from tests.build import FILES, a_descriptor
from tests.databases import KINDS, Database, NewDatabase, new_database

TIMEOUT = 30


@dataclass(frozen=True)
class Running:
    """A running endpoint, its storage and its database."""

    url: str
    storage: Storage
    database: Database
    token: str | None = None

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request as the holder of the token; `path` is below the API's base, or whole where it starts with `/`."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = self.url + (path if path.startswith("/") else f"/api/v1.0/{path}")
        return requests.request(
            method,
            url,
            headers={**headers, **more.pop("headers", {})},
            timeout=TIMEOUT,
            allow_redirects=False,
            **more,
        )

    def file_url(self, model: str, target: str) -> str:
        """The endpoint's own URL of a file."""
        return f"{self.url}/api/v1.0/model/{model}/files/{quote(target)}"

    def store(self, model: str, files: Mapping[str, bytes] = FILES) -> None:
        """Put verified files into storage, in the place of what is there."""
        for target, content in files.items():
            path = f"{model}/{target}"
            there = self.storage.stat(path)
            blob = (
                self.storage.replace(path, [content], etag=there.etag)
                if there
                else self.storage.create(path, [content])
            )
            self.storage.record_digest(blob, hashlib.sha256(content).hexdigest())

    def body(self, model: str, **changes: Any) -> dict[str, Any]:
        """The body of a PUT of the small version; changes as in `a_descriptor`."""
        descriptor = a_descriptor(**changes)
        urls = {target: self.file_url(model, target) for target in descriptor["model_files"]}
        provenance = {"license": descriptor.pop("license"), **descriptor.get("provenance", {})}
        return {**descriptor, "model_files": urls, "provenance": provenance}

    def register(self, model: str, files: Mapping[str, bytes] = FILES, **changes: Any) -> requests.Response:
        """Store the files and register the version; answers what it was answered with 201."""
        self.store(model, files)
        answer = self.call("PUT", f"model/{model}", json=self.body(model, **changes))
        assert answer.status_code == 201, answer.text
        return answer

    def ended(self, model: str, *, within: float = 20) -> dict[str, Any]:
        """The status of a registration, once it is in progress no more."""
        deadline = time.monotonic() + within
        while True:
            answer = self.call("GET", f"model/{model}/status")
            assert answer.status_code == 200, answer.text
            status: dict[str, Any] = answer.json()
            if status["state"] != "InProgress":
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.02)

    def withdraw(self, model: str) -> None:
        """Take the version out of the lists."""
        lifecycle = {"state": "withdrawn", "reason": "for a test"}
        answer = self.call("PATCH", f"model/{model}", json={"provenance": {"lifecycle": lifecycle}})
        assert answer.status_code == 200, answer.text


class Start:
    """Starts endpoints that end with the test; by default over a folder of their own."""

    def __init__(self, folder: Path, database: Database, stack: ExitStack) -> None:
        self._folder = folder
        self._database = database
        self._stack = stack

    def __call__(
        self,
        *,
        policy: Policy | None = None,
        token: str | None = None,
        tokens: Sequence[Token] = (),
        patience: Patience | None = None,
        storage: Storage | None = None,
        pace: Pace | None = None,
    ) -> Running:
        """One more endpoint over the same folder and database; with `patience` for sources, it copies from them."""
        storage = storage or Folder(self._folder / "storage")
        records = self._stack.enter_context(closing(Records(self._database.url)))
        policy = policy or Policy()
        copies = self._copies(records, storage, policy, patience) if patience else None
        app = make_app(
            records=records, storage=storage, policy=policy, token=token, tokens=tokens, copies=copies, pace=pace
        )
        if copies:
            self._stack.enter_context(copies)
        return Running(self._stack.enter_context(serve_embedded(app)), storage, self._database, token)

    def _copies(self, records: Records, storage: Storage, policy: Policy, patience: Patience) -> Copies:
        sources = self._stack.enter_context(closing(Sources(policy, {}, patience=patience)))
        copier = self._stack.enter_context(closing(Copier(storage)))
        return Copies(records.registrations, copier, sources)


@pytest.fixture(scope="session", params=KINDS)
def new(request: pytest.FixtureRequest) -> NewDatabase:
    """Makes databases: all that needs one runs over each kind."""
    return new_database(request.param, request)


@pytest.fixture
def start(tmp_path: Path, new: NewDatabase) -> Iterator[Start]:
    """Starts endpoints for this test alone."""
    with ExitStack() as stack:
        yield Start(tmp_path, new(tmp_path), stack)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, new: NewDatabase) -> Iterator[Running]:
    """One endpoint without a token for all tests of a module; each test uses names of its own."""
    folder = tmp_path_factory.mktemp("endpoint")
    with ExitStack() as stack:
        yield Start(folder, new(folder), stack)()


def pointers(answer: requests.Response) -> set[str]:
    """What the problem points at."""
    return {entry.get("pointer", entry.get("field")) for entry in answer.json()["errors"]}
