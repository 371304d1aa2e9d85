"""Where a merge registers to: private storage, and the endpoint that reads what was registered."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.policy import Policy
from registry.server.api import make_app
from registry.server.embedded import serve_embedded
from registry.server.records import Records
from registry.storage import Storage
from registry.storage.azure import AzureContainer
from registry.storage.folder import Folder
from tests.azurite import Azurite


@dataclass(frozen=True)
class Production:
    """Where a merge registers to, as the environment of the workflow names it."""

    variables: dict[str, str]
    secrets: dict[str, str]
    storage: Storage
    endpoint: str  # serves the records for reading

    @property
    def env(self) -> dict[str, str]:
        """The same for a command run by hand."""
        return {**self.variables, **self.secrets}


@contextmanager
def a_production(folder: Path, azurite: Azurite | None) -> Iterator[Production]:
    """A folder with SQLite, or a container with SQLite."""
    database = f"sqlite:///{folder / 'registry.db'}"
    hidden = {"REGISTRY_DATABASE": database}
    with ExitStack() as stack:
        if azurite is None:
            url = str(folder / "storage")
            stored: Storage = Folder(folder / "storage")
        else:
            url, key = azurite.url("private", f"models-{secrets.token_hex(6)}"), azurite.key("private")
            stored = stack.enter_context(AzureContainer(url, key=key))
            hidden["AZURE_STORAGE_KEY"] = key
        records = Records(database)
        stack.callback(records.close)
        app = make_app(records=records, storage=stored, policy=Policy(), token=None)
        yield Production({"REGISTRY_STORAGE": url}, hidden, stored, stack.enter_context(serve_embedded(app)))
