"""A repository, container and endpoint, set back to where they were for each kill."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import requests
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import (
    BlobLeaseClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from registry.cli.context import Place, make_run, now, open_place
from registry.endpoint import Endpoint
from registry.ledger import Ledger
from registry.outcome import Outcomes
from registry.patience import Patience
from registry.preview import preview
from registry.reconcile import reconcile
from registry.repository import Repository
from registry.settings import parse_settings
from registry.sources import Sources
from registry.storage.azure import AzureContainer, Limits
from tests.azurite import Azurite, free_port
from tests.build import FILES, a_descriptor, a_repository, a_version
from tests.command import Done, registry, started
from tests.proxy import Asked, Fault, Match, Proxy

WEIGHTS = b"weights" * 100
PIN: dict[str, Any] = {"sha256": hashlib.sha256(WEIGHTS).hexdigest(), "size": len(WEIGHTS)}
RUN = ("reconcile", "--full", "--jobs", "1")
MODELS = ("tiny/1.0", "tiny/1.1", "tiny/1.2", "tiny/1.3")
NOTHING = "from nothing"
SERVE_LOG = ".registry/serve.log"
TOKEN = "a-token-of-the-crash-matrix"


class Remembered(NamedTuple):
    """What stood in storage, with its metadata, and at the endpoint."""

    blobs: dict[str, tuple[bytes, dict[str, str]]]
    records: sqlite3.Connection


@dataclass(eq=False)
class World:
    """One repository, container and endpoint, reached through one proxy."""

    repository: Path
    proxy: Proxy
    container: ContainerClient
    env: dict[str, str]
    sources: dict[str, str]  # the URL of WEIGHTS by account: `source` needs a SAS, in `private` everybody may read it
    unverified: list[str] = field(default_factory=list)  # what was registered before its bytes were verified
    _remembered: dict[str, Remembered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.proxy.watch = self._watch

    def run(self, *arguments: str) -> Done:
        """Run a command."""
        return registry(self.repository, *arguments, env=self.env)

    def left(self) -> list[str]:
        """What a third run would do; planned in this process, which has everything loaded already."""
        with self._place() as place:
            run = make_run(place)
            standing = place.stand(place.repository.commit("HEAD"), full=True)
            plan = preview(run.planner, standing, place.where, place.storage, run.connect)
        return [f"{item.action} {item.model}: {item.reason}" for item in plan.items]

    def weights(self, account: str = "source", *, pin: Mapping[str, Any] = PIN, **changes: Any) -> dict[str, bytes]:
        """A version whose weights are in an account of contributors."""
        files: dict[str, Any] = {name: f"./{name}" for name in FILES if name != "model.bin"}
        files["model.bin"] = {"source": self.sources[account], **pin}
        version = a_version(a_descriptor(model_files=files, **changes))
        return {name: content for name, content in version.items() if name != "model.bin"}

    def hurried(self, patience: Patience, *, wait: float = 1.0, limits: Limits | None = None) -> Outcomes:
        """A run in this process, which has little patience with endpoint and sources, and other limits of storage."""
        with self._place(limits) as place:
            usual, settings = make_run(place, jobs=1), place.settings
            endpoint = Endpoint(settings.endpoint, settings.credentials.token, patience=patience, wait=wait)
            sources = Sources(settings.policy, settings.credentials.source_sas, patience=patience)
            run = replace(
                usual,
                connect=lambda: closing(endpoint),
                registrar=lambda *known: replace(usual.registrar(*known), sources=sources),
            )
            return reconcile(run, "HEAD", only=(), full=False, allow_rewind=False, timeout=5)

    @contextmanager
    def _place(self, limits: Limits | None = None) -> Iterator[Place]:
        """The same for a run in this process."""
        settings = parse_settings((self.repository / "pyproject.toml").read_text(), self.env)
        with ExitStack() as stack:
            place = stack.enter_context(open_place(Repository(self.repository), settings))
            if limits is not None:
                key = settings.credentials.storage_key
                storage = stack.enter_context(AzureContainer(settings.storage, key=key, limits=limits))
                place = place._replace(storage=storage, ledger=Ledger(storage, now))
            yield place

    def killed(self, match: Match, fault: Callable[[Callable[[], None]], Fault]) -> bool:
        """Begin the run, and kill it before or after a request; whether it came so far."""
        run = started(self.repository, *RUN, env=self.env)

        def kill() -> None:
            run.kill()
            run.wait()

        self.proxy.spoil(match, fault(kill))
        run.communicate(timeout=120)
        self.proxy.heal()
        self._end_lease()
        return run.returncode < 0

    def remember(self, start: str) -> None:
        """What `start` means from now on."""
        listed = self.container.list_blobs(include=["metadata"]) if self.container.exists() else ()
        blobs = {blob.name: (self._bytes(blob.name), dict(blob.metadata)) for blob in listed}
        records = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(self._database()) as database:
            database.backup(records)
        self._remembered[start] = Remembered(blobs, records)

    def reset(self, start: str) -> None:
        """Set everything back; the endpoint goes on, and finds its database as it was."""
        self._end_lease()
        blobs, records = self._remembered[start]
        with suppress(ResourceNotFoundError):
            self.container.delete_container()
        if blobs:
            self.container.create_container()
        for name, (content, metadata) in blobs.items():
            self.container.upload_blob(name, content, metadata=metadata)
        with closing(self._database()) as database:
            records.backup(database)
        self.proxy.heal()
        self.unverified.clear()

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.repository / ".registry" / "registry.db")

    def _end_lease(self) -> None:
        """What otherwise takes a minute: the lease of a dead run ends."""
        with suppress(AzureError):
            BlobLeaseClient(self.container.get_blob_client(".registry/lock")).break_lease(0)

    def state(self) -> dict[str, Any]:
        """What stands in storage and at the endpoint, without times and the numbers of runs."""
        return {"blobs": self._blobs(), "ledger": self._ledger(), "records": self._records()}

    def _watch(self, asked: Asked) -> None:
        """When a version is about to be registered or amended, all that stands in storage must be verified."""
        if asked.method in ("PUT", "PATCH") and (found := re.match(r"/api/v1\.0/model/([^/]+/[^/]+)$", asked.path)):
            blobs = list(self.container.list_blobs(f"{found[1]}/", include=["metadata"]))
            bad = [b.name for b in blobs if (b.metadata or {}).get("registry_sha256") != self._digest(b.name)]
            self.unverified += bad or ([] if blobs else [found[1]])

    def _blobs(self) -> dict[str, Any]:
        found = self.container.list_blobs(include=["metadata", "copy", "uncommittedblobs"])
        return {
            blob.name: (blob.metadata, None if blob.name.startswith(".registry/") else self._digest(blob.name))
            for blob in found
            if not blob.name.startswith(".registry/receipts/")  # how many tells how often a run was disturbed
        }

    def _ledger(self) -> dict[str, Any]:
        state = json.loads(self._bytes(".registry/state.json"))
        kept = {key: state[key] for key in ("commit", "tree", "storage", "endpoint", "instance", "pending", "wire")}
        return kept | {"versions": state["versions"]} | {model: self._receipt(model) for model in MODELS}

    def _receipt(self, model: str) -> Any:
        """What the last receipt says is registered; that each names the one before is looked at on the way."""
        names = [f".registry/receipts/{model}/{n}.json" for n in range(1, 10)]
        contents = [self._bytes(name) for name in names if self.container.get_blob_client(name).exists()]
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        receipts = [json.loads(content) for content in contents]
        if not receipts:
            return None
        assert [receipt["previous"] for receipt in receipts] == [None, *digests[:-1]]
        last = receipts[-1]
        files = {target: (file["sha256"], file["size"]) for target, file in last["files"].items()}
        return {"removed": last["action"] == "removed", "request": last["request"], "files": files}

    def _records(self) -> dict[str, Any]:
        return {model: self._record(model) for model in MODELS}

    def _record(self, model: str) -> Any:
        url = f"{self.env['REGISTRY_ENDPOINT']}/api/v1.0/model/{model}"
        answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        record = answer.json()
        for key in ("created_time", "last_updated_time"):
            record.pop(key, None)
        record.get("provenance", {}).pop("generation", None)
        for file in record.get("model_files", {}).values():
            file["url"] = file["url"].partition("?")[0]
        return (answer.status_code, record)

    def _bytes(self, name: str) -> bytes:
        return self.container.download_blob(name).readall()

    def _digest(self, name: str) -> str:
        return hashlib.sha256(self._bytes(name)).hexdigest()


@contextmanager
def a_world(folder: Path, azurite: Azurite) -> Iterator[World]:
    """A repository with settings alone, a container that does not exist yet, and an endpoint that knows nothing."""
    name, port = secrets.token_hex(6), free_port()
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy({"/private/": azurite.port, "/source/": azurite.port, "/": port}).running())
        env = {
            "REGISTRY_STORAGE": f"{proxy.url}/private/models-{name}",
            "AZURE_STORAGE_KEY": azurite.key("private"),
            "REGISTRY_ENDPOINT": proxy.url,
            "REGISTRY_TOKEN": TOKEN,
            "REGISTRY_SOURCE_SAS_SOURCE": _upload(azurite, "source", f"uploads-{name}", public=False),
        }
        _upload(azurite, "private", f"uploads-{name}", public=True)
        sources = {account: f"{proxy.url}/{account}/uploads-{name}/model.bin" for account in ("source", "private")}
        settings = f'[tool.registry.policy]\nallow_loopback = true\nsources = ["{proxy.url}/"]\n'
        repository = a_repository(folder, settings)
        container = stack.enter_context(_container(azurite, "private", f"models-{name}"))
        stack.enter_context(_serving(repository, port, env))
        world = World(repository, proxy, container, env, sources)
        world.remember(NOTHING)
        yield world


def _upload(azurite: Azurite, account: str, name: str, *, public: bool) -> str:
    """A container with weights in it; returns a SAS that reads it."""
    with _container(azurite, account, name) as container:
        container.create_container(public_access="blob" if public else None)
        container.upload_blob("model.bin", WEIGHTS)
    return generate_container_sas(
        account,
        name,
        account_key=azurite.key(account),
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )


def _container(azurite: Azurite, account: str, name: str) -> ContainerClient:
    service = azurite.url(account, name).rsplit("/", 1)[0]
    return ContainerClient(service, name, credential=AzureNamedKeyCredential(account, azurite.key(account)))


@contextmanager
def _serving(repository: Path, port: int, env: dict[str, str]) -> Iterator[None]:
    """`registry serve`, until the block ends; what it says is in `.registry/serve.log`."""
    log = repository / SERVE_LOG
    log.parent.mkdir()
    with log.open("w") as output:
        server = started(repository, "--verbose", "serve", "--port", str(port), env=env, output=output)
        try:
            for _ in range(600):
                with suppress(requests.ConnectionError):
                    requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10)
                    break
                assert server.poll() is None
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(timeout=30)
