"""`registry diff`."""

from __future__ import annotations

import click

from registry.cli.options import format_option


@click.command()
@click.argument("base")
@click.argument("head", default="HEAD")
@format_option("text", "json", "markdown")
def diff(base: str, head: str, form: str) -> int:
    """Show what changed for a reader of the models.

    Compares two revisions; a new version is compared with the one before it.
    """
    from registry.cli.context import settings_at
    from registry.comparing import load_changes
    from registry.report import json, markdown, text
    from registry.repository import Repository

    repository = Repository.here()
    old, new = repository.commit(base), repository.commit(head)
    changes = load_changes(repository, settings_at(repository, old).models, old, new)
    pages = {
        "text": lambda: text.render_changes(changes),
        "json": lambda: json.render_changes(changes, old, new),
        "markdown": lambda: markdown.render_text(text.render_changes(changes)),
    }
    click.echo(pages[form](), nl=False)
    return 0
