"""`registry token`."""

from __future__ import annotations

import click

from registry.tokens import SCOPES, Scope, make_token


@click.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="read",
    show_default=True,
    help="What it allows; who may write may read, too.",
)
def token(name: str, scope: Scope) -> int:
    """Make a token for the endpoint.

    The first line of what it prints is the token: it is shown here and nowhere again. The second is what the endpoint
    keeps of it: a line for REGISTRY_TOKENS, or for the file that REGISTRY_TOKENS_FILE names.
    """
    secret, kept = make_token(name, scope)
    click.echo(secret)
    click.echo(str(kept))
    click.echo("give the first line to who is to use it, and the second to the endpoint", err=True)
    return 0
