"""One models repository with its private storage: what the stories are played with."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from registry.policy import Policy
from registry.server.api import make_app
from registry.server.embedded import serve_embedded
from registry.server.records import Records
from registry.storage import Storage
from registry.storage.azure import AzureContainer
from registry.storage.folder import Folder
from tests.command import Done, registry


@dataclass
class Place:
    """A repository, and where its models are registered."""

    repository: Path
    url: str  # of private storage; a path for a folder
    key: str | None
    stack: ExitStack  # closes what is opened on the way
    postgres: str = ""  # URL of the database; empty: the file that is used where nothing is said

    @property
    def env(self) -> dict[str, str]:
        """The environment that a run needs."""
        optional = {"AZURE_STORAGE_KEY": self.key or "", "REGISTRY_DATABASE": self.postgres}
        return {"REGISTRY_STORAGE": self.url} | {key: value for key, value in optional.items() if value}

    def run(self, *arguments: str, **env: str) -> Done:
        """Run a command in the repository."""
        return registry(self.repository, *arguments, env={**self.env, **env})

    @cached_property
    def storage(self) -> Storage:
        """Private storage, opened beside the runs."""
        if self.key is None:
            return Folder(Path(self.url))
        return self.stack.enter_context(AzureContainer(self.url, key=self.key))

    def bytes(self, path: str) -> bytes:
        """What stands in private storage."""
        return b"".join(self.storage.read(path))

    @cached_property
    def endpoint(self) -> str:
        """The endpoint over the database that runs without an endpoint of their own write to; needs no token."""
        records = Records(self.postgres or f"sqlite:///{self.repository / '.registry' / 'registry.db'}")
        self.stack.callback(records.close)
        app = make_app(records=records, storage=self.storage, policy=Policy(), token=None)
        return self.stack.enter_context(serve_embedded(app))

    def get(self, model: str) -> requests.Response:
        """What the endpoint answers for `name/version`."""
        return requests.get(f"{self.endpoint}/api/v1.0/model/{model}", timeout=10)

    def record(self, model: str) -> Any:
        """The record of `name/version`, which is there."""
        answer = self.get(model)
        assert answer.status_code == 200, answer.text
        return answer.json()
