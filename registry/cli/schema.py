"""`registry schema`."""

from __future__ import annotations

import click


@click.command()
def schema() -> int:
    """Print the JSON Schema of the descriptor.

    An editor with a YAML language server checks, explains and completes a descriptor that begins so:

    \b
    # yaml-language-server: $schema=model.schema.json
    """
    import json

    from registry.schema import make_schema

    click.echo(json.dumps(make_schema(), indent=2))
    return 0
