"""`registry reconcile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.identity import ModelId
    from registry.outcome import Result
    from registry.report.quote import Lines


@click.command()
@click.argument("models", metavar="[NAME/VERSION]…", nargs=-1)
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to reconcile with.")
@click.option("--fetch", is_flag=True, help="Update from the remote first.")
@click.option("--full", is_flag=True, help="Compare every version with receipts, storage and endpoint, and repair.")
@click.option("--allow-rewind", is_flag=True, help="Accept a revision that does not follow the one converged last.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Versions at once.")
@click.option(
    "--lock-timeout", type=click.FloatRange(0), default=90.0, show_default=True, metavar="SECONDS",
    help="How long to wait for another run.",
)  # fmt: skip
@format_option("text", "json", "markdown")
def reconcile(
    models: tuple[str, ...],
    rev: str,
    jobs: int,
    lock_timeout: float,
    form: str,
    *,
    fetch: bool,
    full: bool,
    allow_rewind: bool,
) -> int:
    """Make storage and endpoint equal to a commit.

    Copies and verifies the files of each version that changed, registers it, and writes a receipt. Done already means
    done: the same again does nothing. NAME/VERSION limits the run to some versions.
    """
    from registry.cli.context import open_run, settings_at
    from registry.quoting import load_lines
    from registry.reconcile import reconcile as run_reconcile
    from registry.report import json, markdown, text
    from registry.repository import Repository

    repository = Repository.here()
    if fetch:
        repository.fetch()  # the settings too are those of what was fetched
    settings = settings_at(repository, repository.commit(rev))
    only = [_model_id(model) for model in models]
    with open_run(repository, settings, jobs=jobs, fetch=fetch, on_result=_say) as run:
        outcomes = run_reconcile(run, rev, only=only, full=full, allow_rewind=allow_rewind, timeout=lock_timeout)

    def lines() -> Lines:
        findings = [finding for result in outcomes.results for finding in result.findings]
        return load_lines(repository, settings.models, findings, outcomes.commit)

    pages = {
        "text": lambda: text.render_outcomes(outcomes, lines()),
        "json": lambda: json.render_outcomes(outcomes),
        "markdown": lambda: markdown.render_text(text.render_outcomes(outcomes, lines())),
    }
    click.echo(pages[form](), nl=False)
    return outcomes.exit_code


def _say(result: Result) -> None:
    click.echo(f"{result.outcome} {result.model}", err=True)


def _model_id(text: str) -> ModelId:
    from registry.identity import parse_model_id

    if (model := parse_model_id(text)) is None:
        raise UsageError(f"`{text}` is not NAME/VERSION", hint="for example: registry reconcile zen-gpt2/1.1")
    return model
