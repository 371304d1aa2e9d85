"""`registry serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.errors import SettingsError

if TYPE_CHECKING:
    from registry.repository import Repository
    from registry.settings import Credentials, Settings
    from registry.tokens import Token

_FORMS = ("text", "json")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", help="The port.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that answer.  [default: 4 on Linux, else 1]",
)
@click.option(
    "--rate",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="N",
    help="Requests a second that one token, or one address without, may send; 0 for as many as it likes.",
)
@click.option(
    "--drain",
    type=click.IntRange(0, 600),
    default=0,
    show_default=True,
    metavar="S",
    help="Seconds to go on after a signal while /readyz says 503, so that a load balancer sees it.",
)
@click.option(
    "--grace",
    type=click.IntRange(1, 3600),
    default=30,
    show_default=True,
    metavar="S",
    help="Seconds that requests in flight then have to end in.",
)
@click.option(
    "--log", type=click.Choice(_FORMS), help="How to log to stderr.  [default: text on a terminal, else json]"
)
def serve(host: str, port: int, workers: int | None, log: str | None, **limits: int) -> int:
    """Answer the registration API and show the catalog.

    Without a token (REGISTRY_TOKENS, REGISTRY_TOKENS_FILE or REGISTRY_TOKEN) it listens on loopback only, and reads
    and writes need none.
    """
    from registry.cli.context import LOOPBACK, server_extra, settings_at
    from registry.repository import Repository

    repository = Repository.here()
    settings = settings_at(repository, None)
    tokens = kept_tokens(settings.credentials)
    if not settings.credentials.token and not tokens and host not in LOOPBACK:
        hint = "make one with `registry token NAME --scope write`, and put its second line into REGISTRY_TOKENS"
        raise SettingsError(f"without a token the endpoint does not listen on {host}", hint=hint)
    _start_log(is_json=log == "json" or (log is None and not sys.stderr.isatty()))
    with server_extra():
        from registry.server.embedded import reserve
        from registry.server.workers import default_number
    number = workers or default_number()
    service = _Service(repository, settings, tokens, host, reserve(host, port), **limits)
    with _shared_measures() if number > 1 else nullcontext():
        _run(service, number)
    return 0


@contextmanager
def _shared_measures() -> Iterator[None]:
    """Processes that are forked in the block measure together; the library looks when it is loaded."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="registry-measures-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


@dataclass(frozen=True)
class _Service:
    """What each process serves, and where."""

    repository: Repository
    settings: Settings
    tokens: tuple[Token, ...]
    host: str
    port: int
    rate: int
    drain: int
    grace: int

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def _run(service: _Service, number: int) -> None:
    from importlib import import_module

    from registry.cli.context import database_url, open_server, open_storage
    from registry.server.embedded import serve as run_server
    from registry.server.metrics import bury
    from registry.server.pace import Pace
    from registry.server.records import Records
    from registry.server.workers import run_workers

    repository, settings, token = service.repository, service.settings, service.settings.credentials.token
    pace = Pace(service.rate) if service.rate else None

    def work(parent: int | None) -> None:
        with (
            open_storage(repository, settings) as storage,
            open_server(repository, settings, storage, token, service.tokens, copies=True, pace=pace) as app,
        ):
            run_server(
                app, host=service.host, port=service.port, drain=service.drain, grace=service.grace, parent=parent
            )

    import_module("registry.server.api")  # once, and not in each process
    Records(database_url(repository, settings)).close()  # what is wrong with it is said once, and now
    click.echo(f"the catalog is at {service.url}/, the API at {service.url}/api/v1.0", err=True)
    if number == 1:
        work(None)
    else:
        run_workers(work, number, bury)


def kept_tokens(credentials: Credentials) -> tuple[Token, ...]:
    """What the endpoint keeps of the tokens that it takes; raises SettingsError."""
    from registry.tokens import parse_tokens

    tokens = parse_tokens(credentials.tokens, "REGISTRY_TOKENS") if credentials.tokens else ()
    if not credentials.tokens_file:
        return tokens
    try:
        text = Path(credentials.tokens_file).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        message = f"the file of REGISTRY_TOKENS_FILE cannot be read: {error}"
        raise SettingsError(message, hint="see its name and its rights") from error
    return (*tokens, *parse_tokens(text, "the file of REGISTRY_TOKENS_FILE"))


def _start_log(*, is_json: bool) -> None:
    import logging

    from registry.cli.logs import log_json, log_text

    if is_json:
        log_json()
    else:
        log_text(logging.WARNING)
