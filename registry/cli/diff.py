"""`registry diff`."""

from __future__ import annotations

import click

from registry.cli.options import format_option


@click.command()
@click.argument("base")
@click.argument("head", default="HEAD")
@format_option("text", "json", "markdown", "html")
def diff(base: str, head: str, form: str) -> int:
    """Show what changed for a reader of the models.

    Compares two revisions; a new version is compared with the one before it. In text, `[-words-]` went and `{+words+}`
    came. HTML is one file with everything in it.
    """
    from registry.cli.context import settings_at
    from registry.comparing import load_changes
    from registry.report import changes as report
    from registry.report import html
    from registry.repository import Repository

    repository = Repository.here()
    old, new = repository.commit(base), repository.commit(head)
    found = load_changes(repository, settings_at(repository, old).models, old, new)
    pages = {
        "text": lambda: report.render_text(found),
        "json": lambda: report.render_json(found, old, new),
        "markdown": lambda: report.render_markdown(found),
        "html": lambda: html.render_changes(found),
    }
    click.echo(pages[form](), nl=False)
    return 0
