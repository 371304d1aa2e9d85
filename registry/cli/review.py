"""`registry review`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option

if TYPE_CHECKING:
    from registry.repository import Repository
    from registry.review import Review


@click.command()
@click.argument("base")
@click.argument("head", default="HEAD")
@format_option("text", "json", "markdown", "html")
def review(base: str, head: str, form: str) -> int:
    """Show a change as its reviewers want to see it.

    The verdict, what is wrong, what changes for a reader of the models, what merging copies and sends, what could not
    be checked, and who has to look. Judges HEAD by the settings of BASE, and talks to nobody.
    """
    from registry.cli.context import quoted
    from registry.report import html
    from registry.report import review as report
    from registry.repository import Repository

    repository = Repository.here()
    after = repository.commit(head)
    found, models = review_of(repository, repository.merge_base(repository.commit(base), after), after)
    pages = {
        "text": lambda: report.render_text(found, quoted(repository, models, found.mistakes, after)),
        "json": lambda: report.render_json(found),
        "markdown": lambda: report.render_markdown(found),
        "html": lambda: html.render_review(found),
    }
    click.echo(pages[form](), nl=False)
    return found.exit_code


def review_of(repository: Repository, base: str, head: str) -> tuple[Review, str]:
    """The review of a change by the settings of its base, and the models' folder that these name."""
    from registry.cli.context import settings_at
    from registry.cli.settings_change import check_settings_change
    from registry.reviewing import load_review

    settings = settings_at(repository, base)
    changed = check_settings_change(repository, base, head)
    return load_review(repository, base, head, settings.models, settings.policy, changed), settings.models
