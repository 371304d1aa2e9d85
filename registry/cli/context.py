"""What commands share: settings, storage and endpoint, opened as the settings say."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from registry.cli.forge import merged_pull_requests, run_url
from registry.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from registry.endpoint import Endpoint
    from registry.finding import Finding
    from registry.job import Job
    from registry.ledger import Hold, Ledger
    from registry.reconcile import Run, Watch
    from registry.registration import Registrar
    from registry.report.quote import Lines
    from registry.repository import Repository
    from registry.server.copies import Copies
    from registry.server.pace import Pace
    from registry.server.records import Records
    from registry.settings import Settings
    from registry.standing import Standing, Where
    from registry.storage import Storage
    from registry.tokens import Token

SETTINGS_FILE = "pyproject.toml"
_EMBEDDED = "embedded"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def settings_at(repository: Repository, commit: str | None) -> Settings:
    """The settings as a commit holds them, or (None) as the working tree does."""
    from registry.settings import parse_settings

    source = f"{SETTINGS_FILE} at {commit[:12]}" if commit else SETTINGS_FILE
    return parse_settings(settings_text(repository, commit), os.environ, source=source)


def settings_text(repository: Repository, commit: str | None) -> str | None:
    """pyproject.toml as a commit holds it, or (None) as the working tree does; None where there is none."""
    if commit is not None:
        return repository.text(commit, SETTINGS_FILE)
    file = repository.root / SETTINGS_FILE
    return file.read_text("utf-8", "surrogateescape") if file.is_file() else None  # as git gives a commit's


def quoted(repository: Repository, models: str, findings: Collection[Finding], commit: str) -> Lines:
    """The source lines that findings stand in; nothing is loaded where there are none."""
    if not findings:
        return {}
    from registry.quoting import load_lines

    return load_lines(repository, models, findings, commit)


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


class Place(NamedTuple):
    """A repository with its settings, its private storage and the ledger in it."""

    repository: Repository
    settings: Settings
    storage: Storage
    ledger: Ledger
    where: Where

    def stand(self, commit: str, *, full: bool = False) -> Standing:
        """Where a commit stands, after one read of the state; nothing is held while it is looked at."""
        from registry.standing import stand

        return stand(self.repository, self.ledger.state(), self.where, self.settings.models, commit, full=full)


@contextmanager
def open_place(repository: Repository, settings: Settings) -> Iterator[Place]:
    """What the settings name, open for the time of the block, and nothing loaded that doing something needs."""
    from registry.ledger import Ledger

    check_reachable(settings)
    with open_storage(repository, settings) as storage:
        yield Place(repository, settings, storage, Ledger(storage, now), _where(repository, settings, storage))


def make_run(place: Place, *, jobs: int = 8, fetch: bool = False, watch: Watch | None = None) -> Run:
    """One run of plan or reconcile, with everything that it needs."""
    from registry.planning import Planner
    from registry.reconcile import Run, Watch

    repository, settings, storage, ledger, where = place
    return Run(
        repository=repository,
        storage=storage,
        planner=Planner(repository, ledger, settings.models, settings.policy, jobs),
        ledger=ledger,
        where=where,
        connect=connector(repository, settings, storage),
        registrar=_registrars(place),
        clock=now,
        models=settings.models,
        url=run_url(os.environ),
        merged=merged_pull_requests(os.environ),
        jobs=jobs,
        fetch=fetch,
        watch=watch or Watch(),
    )


def _registrars(place: Place) -> Callable[[Endpoint, Hold, Job], Registrar]:
    repository, settings, storage, ledger, _ = place

    def make(endpoint: Endpoint, hold: Hold, job: Job) -> Registrar:
        from registry.copying import Copier
        from registry.registration import Registrar
        from registry.sources import Sources

        return Registrar(
            repository=repository,
            storage=storage,
            copier=Copier(storage),
            endpoint=endpoint,
            ledger=ledger,
            hold=hold,
            sources=Sources(settings.policy, settings.credentials.source_sas, storage.bearer),
            policy=settings.policy,
            models=settings.models,
            job=job,
            passwords=settings.credentials.docker_passwords,
        )

    return make


def _where(repository: Repository, settings: Settings, storage: Storage) -> Where:
    from registry.standing import Where

    if settings.endpoint:
        return Where(storage.url, settings.endpoint, None)
    from registry.server.instance import read_instance

    return Where(storage.url, _EMBEDDED, read_instance(database_url(repository, settings)))


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
    with open_server(repository, settings, storage, token, copies=False) as app, serve_embedded(app) as url:
        yield url


@contextmanager
def open_server(
    repository: Repository,
    settings: Settings,
    storage: Storage,
    token: str | None,
    tokens: Sequence[Token] = (),
    *,
    copies: bool,
    pace: Pace | None = None,
) -> Iterator[FastAPI]:
    """The endpoint's application on the settings' database, open for the time of the block.

    With `copies` it also takes files from elsewhere, and goes on with what was interrupted.
    """
    from registry.server.api import make_app
    from registry.server.records import Records

    with closing(Records(database_url(repository, settings))) as records, ExitStack() as stack:
        background = stack.enter_context(_open_copies(settings, storage, records)) if copies else None
        app = make_app(
            records=records,
            storage=storage,
            policy=settings.policy,
            token=token,
            tokens=tokens,
            copies=background,
            pace=pace,
        )
        if background:
            stack.enter_context(background)
        yield app


@contextmanager
def _open_copies(settings: Settings, storage: Storage, records: Records) -> Iterator[Copies]:
    from registry.copying import Copier
    from registry.server.copies import Copies
    from registry.sources import Sources

    sources, copier = Sources(settings.policy, settings.credentials.source_sas, storage.bearer), Copier(storage)
    with closing(sources), closing(copier):
        yield Copies(records.registrations, copier, sources)


def database_url(repository: Repository, settings: Settings) -> str:
    """Where records live: SQLite in the repository unless REGISTRY_DATABASE says otherwise."""
    return settings.database or f"sqlite:///{repository.root / '.registry' / 'registry.db'}"


@contextmanager
def server_extra() -> Iterator[None]:
    """Say how to install what the endpoint needs, where it is missing."""
    try:
        yield
    except ImportError as error:
        hint = "install it: pip install 'registry[server]'"
        raise SettingsError(f"the embedded endpoint needs {error.name}, which is not installed", hint=hint) from error
