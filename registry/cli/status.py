"""`registry status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option

if TYPE_CHECKING:
    from registry.condition import Status


@click.command()
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to compare with.")
@format_option("text", "json", "markdown")
def status(rev: str, form: str) -> int:
    """Show drift and backlog.

    Compares receipts, storage and endpoint, and changes nothing. Exit code 1 means drift; versions that are pending
    alone are 0, since the next run does them.
    """
    from registry.cli.context import now
    from registry.report import status as report

    found = load_status(rev)
    render = {"text": report.render_text, "json": report.render_json, "markdown": report.render_markdown}
    click.echo(render[form](found, now()), nl=False)
    return found.exit_code


def load_status(rev: str) -> Status:
    """Backlog and drift beside a revision of the repository here."""
    from registry.cli.context import connector, open_place, settings_at
    from registry.repository import Repository
    from registry.status import Inspector

    repository = Repository.here()
    commit = repository.commit(rev)
    settings = settings_at(repository, commit)
    with open_place(repository, settings) as place:
        state, names = place.ledger.state(), repository.names(commit, settings.models)
        with connector(repository, settings, place.storage)() as endpoint:
            is_known = state is not None and place.where.is_that_of(state, endpoint.ready().instance)
            return Inspector(place.ledger, place.storage, endpoint, is_known).load_status(commit, names, state)
