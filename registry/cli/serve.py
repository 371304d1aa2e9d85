"""`registry serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.errors import SettingsError

if TYPE_CHECKING:
    from registry.settings import Credentials
    from registry.tokens import Token


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", help="The port.")
def serve(host: str, port: int) -> int:
    """Answer the registration API and show the catalog.

    Without a token (REGISTRY_TOKENS, REGISTRY_TOKENS_FILE or REGISTRY_TOKEN) it listens on loopback only, and reads
    and writes need none.
    """
    from registry.cli.context import LOOPBACK, open_server, open_storage, server_extra, settings_at
    from registry.repository import Repository

    repository = Repository.here()
    settings = settings_at(repository, None)
    token, tokens = settings.credentials.token, kept_tokens(settings.credentials)
    if not token and not tokens and host not in LOOPBACK:
        hint = "make one with `registry token NAME --scope write`, and put its second line into REGISTRY_TOKENS"
        raise SettingsError(f"without a token the endpoint does not listen on {host}", hint=hint)
    with server_extra():
        from registry.server.embedded import serve as run_server
    with (
        open_storage(repository, settings) as storage,
        open_server(repository, settings, storage, token, tokens) as app,
    ):
        click.echo(f"the catalog is at http://{host}:{port}/, the API at http://{host}:{port}/api/v1.0", err=True)
        run_server(app, host=host, port=port)
    return 0


def kept_tokens(credentials: Credentials) -> tuple[Token, ...]:
    """What the endpoint keeps of the tokens that it takes; raises SettingsError."""
    from registry.tokens import parse_tokens

    tokens = parse_tokens(credentials.tokens, "REGISTRY_TOKENS") if credentials.tokens else ()
    if not credentials.tokens_file:
        return tokens
    try:
        text = Path(credentials.tokens_file).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"the file of REGISTRY_TOKENS_FILE cannot be read: {error}", hint="see its name and its rights"
        ) from error
    return (*tokens, *parse_tokens(text, "the file of REGISTRY_TOKENS_FILE"))
