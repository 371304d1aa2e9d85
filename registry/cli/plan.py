"""`registry plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option, in_form

if TYPE_CHECKING:
    from registry.cli.context import Place
    from registry.plan import Plan
    from registry.report.quote import Lines


@click.command()
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to plan for.")
@click.option("--full", is_flag=True, help="Compare every version with receipts, storage and endpoint.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 4 when there is something to do.")
@format_option("text", "json", "markdown")
def plan(rev: str, form: str, *, full: bool, detailed_exitcode: bool) -> int:
    """Show what reconcile would do, and do nothing."""
    from registry.cli.context import open_place, quoted, settings_at
    from registry.report import json, text
    from registry.repository import Repository

    repository = Repository.here()
    commit = repository.commit(rev)
    with open_place(repository, settings_at(repository, commit)) as place:
        planned = _make(place, commit, full=full)

    def lines() -> Lines:
        return quoted(repository, place.settings.models, [f for item in planned.items for f in item.findings], commit)

    page = in_form(form, text=lambda: text.render_plan(planned, lines()), json=lambda: json.render_plan(planned))
    click.echo(page, nl=False)
    counts = planned.counts()
    if counts["refuse"]:
        return 1
    is_work = any(number for action, number in counts.items() if action not in ("unchanged", "missing"))
    return 4 if detailed_exitcode and is_work else 0


def _make(place: Place, commit: str, *, full: bool) -> Plan:
    now = place.stand(commit, full=full)
    if now.is_done:
        from registry.plan import Plan

        return Plan(now.commit, now.converged, (), now.known, now.note)
    from registry.cli.context import connector
    from registry.planning import Planner
    from registry.preview import preview

    repository, settings, storage, ledger, where = place
    planner = Planner(repository, ledger, settings.models, settings.policy)
    return preview(planner, now, where, storage, connector(repository, settings, storage))
