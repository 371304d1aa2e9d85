"""`registry serve`."""

from __future__ import annotations

import click

from registry.errors import SettingsError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", help="The port.")
def serve(host: str, port: int) -> int:
    """Answer the registration API and show the catalog.

    Without REGISTRY_TOKEN it listens on loopback only, and reads and writes need no token.
    """
    from registry.cli.context import LOOPBACK, open_server, open_storage, server_extra, settings_at
    from registry.repository import Repository

    repository = Repository.here()
    settings = settings_at(repository, None)
    token = settings.credentials.token
    if token is None and host not in LOOPBACK:
        raise SettingsError(f"without a token the endpoint does not listen on {host}", hint="set REGISTRY_TOKEN")
    with server_extra():
        from registry.server.embedded import serve as run_server
    with (
        open_storage(repository, settings) as storage,
        open_server(repository, settings, storage, token, copies=True) as app,
    ):
        click.echo(f"the catalog is at http://{host}:{port}/, the API at http://{host}:{port}/api/v1.0", err=True)
        run_server(app, host=host, port=port)
    return 0
