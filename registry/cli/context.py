"""What commands share: settings, storage and endpoint, opened as the settings say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from registry.copying import Copier
    from registry.endpoint import Endpoint
    from registry.ledger import Hold, Ledger
    from registry.outcome import Result
    from registry.reconcile import Run, Where
    from registry.registration import Registrar
    from registry.repository import Repository
    from registry.settings import Settings
    from registry.storage import Blob, Storage

SETTINGS_FILE = "pyproject.toml"
_EMBEDDED = "embedded"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _ignore(_: object) -> None:
    """For those who need no word on each version as it is done."""


def settings_at(repository: Repository, commit: str | None) -> Settings:
    """The settings as a commit holds them, or (None) as the working tree does."""
    from registry.settings import parse_settings

    if commit is not None:
        text, source = repository.text(commit, SETTINGS_FILE), f"{SETTINGS_FILE} at {commit[:12]}"
    else:
        file = repository.root / SETTINGS_FILE
        text = file.read_text("utf-8", "surrogateescape") if file.is_file() else None  # as git gives a commit's
        source = SETTINGS_FILE
    return parse_settings(text, os.environ, source=source)


@contextmanager
def open_storage(repository: Repository, settings: Settings) -> Iterator[Storage]:
    """Private storage for the time of the block: a folder in the repository unless a URL is set."""
    if "://" in settings.storage:
        from registry.storage.azure import AzureContainer

        key, sas = settings.credentials.storage_key, settings.credentials.storage_sas
        identity = None
        if (job := settings.credentials.federation) and not key and not sas:
            from registry.storage.azure.federation import make_identity

            identity = make_identity(job.tenant, job.client, job.url, job.token)
        with AzureContainer(settings.storage, key=key, sas=sas, credential=identity) as container:
            yield container
    else:
        from registry.storage.folder import Folder

        yield Folder(repository.root / settings.storage)


def now() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


def check_reachable(settings: Settings) -> None:
    """Raise SettingsError where the endpoint could not read what lies in storage."""
    is_remote = urlsplit(settings.endpoint).hostname not in LOOPBACK if settings.endpoint else False
    if is_remote and "://" not in settings.storage:
        raise SettingsError(
            f"the endpoint {settings.endpoint} cannot read the folder `{settings.storage}`",
            hint="set `storage` in [tool.registry] or REGISTRY_STORAGE to an Azure container",
        )


@contextmanager
def open_run(
    repository: Repository,
    settings: Settings,
    *,
    jobs: int = 8,
    fetch: bool = False,
    on_result: Callable[[Result], None] = _ignore,
) -> Iterator[Run]:
    """One run of plan or reconcile, with everything that the settings name open for the time of the block."""
    from registry.copying import Copier
    from registry.ledger import Ledger
    from registry.planning import Planner
    from registry.reconcile import Run

    check_reachable(settings)
    with open_storage(repository, settings) as storage, closing(Copier(storage)) as copier:
        ledger = Ledger(storage, now)
        yield Run(
            repository=repository,
            storage=storage,
            planner=Planner(repository, ledger, settings.models, settings.policy, jobs),
            ledger=ledger,
            where=_where(repository, settings),
            connect=connector(repository, settings, storage),
            registrar=_registrars(repository, settings, storage, copier, ledger),
            clock=now,
            models=settings.models,
            jobs=jobs,
            fetch=fetch,
            on_result=on_result,
        )


def _registrars(
    repository: Repository, settings: Settings, storage: Storage, copier: Copier, ledger: Ledger
) -> Callable[[Endpoint, Hold, str, str], Registrar]:
    def make(endpoint: Endpoint, hold: Hold, commit: str, instance: str) -> Registrar:
        from registry.registration import Registrar
        from registry.sources import Sources

        return Registrar(
            repository=repository,
            storage=storage,
            copier=copier,
            endpoint=endpoint,
            ledger=ledger,
            hold=hold,
            sources=Sources(settings.policy, settings.credentials.source_sas, storage.bearer),
            policy=settings.policy,
            models=settings.models,
            commit=commit,
            instance=instance,
            run=_run_url(os.environ),
            passwords=settings.credentials.docker_passwords,
        )

    return make


def _run_url(environment: Mapping[str, str]) -> str | None:
    """Where the log of this run can be read, on GitHub."""
    keys = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if not all(environment.get(key) for key in keys):
        return None
    server, repository, run = (environment[key] for key in keys)
    return f"{server}/{repository}/actions/runs/{run}"


def _where(repository: Repository, settings: Settings) -> Where:
    from registry.reconcile import Where

    if settings.endpoint:
        return Where(settings.endpoint, None)
    from registry.server.instance import read_instance

    file = settings.database.removeprefix("sqlite:///") if settings.database else _database_file(repository)
    return Where(_EMBEDDED, read_instance(Path(file)))


def connector(
    repository: Repository, settings: Settings, storage: Storage
) -> Callable[[], AbstractContextManager[Endpoint]]:
    """How to reach the endpoint: the one in the settings, or the embedded one for the time of the block."""

    @contextmanager
    def connect() -> Iterator[Endpoint]:
        from registry.endpoint import Endpoint

        if settings.endpoint:
            with closing(Endpoint(settings.endpoint, settings.credentials.token)) as endpoint:
                yield endpoint
            return
        import secrets

        token = secrets.token_urlsafe(32)
        with embedded(repository, settings, storage, token) as url, closing(Endpoint(url, token)) as endpoint:
            yield endpoint

    return connect


@contextmanager
def embedded(repository: Repository, settings: Settings, storage: Storage, token: str) -> Iterator[str]:
    """The embedded endpoint on a free loopback port; yields its URL."""
    with server_extra():
        from registry.server.embedded import serve_embedded
    with open_server(repository, settings, storage, token) as app, serve_embedded(app) as url:
        yield url


@contextmanager
def open_server(repository: Repository, settings: Settings, storage: Storage, token: str | None) -> Iterator[FastAPI]:
    """The endpoint's application on the settings' database, open for the time of the block."""
    from registry.copying import Copier, Remote, Wanted
    from registry.server.api import make_app
    from registry.server.records import Records
    from registry.sources import Sources

    sources = Sources(settings.policy, settings.credentials.source_sas, storage.bearer)

    def fetch(path: str, url: str) -> Blob:
        remote = Remote(url, partial(sources.locate, url, None))
        return copier.copy(Wanted(path, partial(sources.stream, url), remote)).blob

    records, copier = Records(database_url(repository, settings)), Copier(storage)
    with closing(records), closing(copier):
        yield make_app(records=records, storage=storage, policy=settings.policy, token=token, fetch=fetch)


def database_url(repository: Repository, settings: Settings) -> str:
    """Where records live: SQLite in the repository unless REGISTRY_DATABASE says otherwise."""
    return settings.database or f"sqlite:///{_database_file(repository)}"


def _database_file(repository: Repository) -> Path:
    return repository.root / ".registry" / "registry.db"


@contextmanager
def server_extra() -> Iterator[None]:
    """Say how to install what the endpoint needs, where it is missing."""
    try:
        yield
    except ImportError as error:
        hint = "install it: pip install 'registry[server]'"
        raise SettingsError(f"the embedded endpoint needs {error.name}, which is not installed", hint=hint) from error
