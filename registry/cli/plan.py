"""`registry plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option

if TYPE_CHECKING:
    from registry.report.quote import Lines


@click.command()
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to plan for.")
@click.option("--full", is_flag=True, help="Compare every version with receipts, storage and endpoint.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 4 when there is something to do.")
@format_option("text", "json", "markdown")
def plan(rev: str, form: str, *, full: bool, detailed_exitcode: bool) -> int:
    """Show what reconcile would do, and do nothing."""
    from registry.cli.context import open_run, settings_at
    from registry.quoting import load_lines
    from registry.reconcile import preview
    from registry.report import json, markdown, text
    from registry.repository import Repository

    repository = Repository.here()
    settings = settings_at(repository, repository.commit(rev))
    with open_run(repository, settings) as run:
        planned = preview(run, rev, full=full)

    def lines() -> Lines:
        findings = [finding for item in planned.items for finding in item.findings]
        return load_lines(repository, settings.models, findings, planned.commit)

    pages = {
        "text": lambda: text.render_plan(planned, lines()),
        "json": lambda: json.render_plan(planned),
        "markdown": lambda: markdown.render_text(text.render_plan(planned, lines())),
    }
    click.echo(pages[form](), nl=False)
    counts = planned.counts()
    if counts["refuse"]:
        return 1
    return (
        4
        if detailed_exitcode
        and any(number for action, number in counts.items() if action not in ("unchanged", "missing"))
        else 0
    )
