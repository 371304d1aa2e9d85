"""`registry reconcile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from registry.cli.options import format_option, in_form
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.cli.context import Place
    from registry.identity import ModelId
    from registry.outcome import Outcomes
    from registry.reconcile import Run
    from registry.report.quote import Lines


@click.command()
@click.argument("models", metavar="[NAME/VERSION]…", nargs=-1)
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to reconcile with.")
@click.option("--fetch", is_flag=True, help="Take the revision as the remote has it once the lock is held.")
@click.option("--full", is_flag=True, help="Compare every version with receipts, storage and endpoint, and repair.")
@click.option("--allow-rewind", is_flag=True, help="Accept a revision that does not follow the one converged last.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=16, show_default=True, metavar="N", help="Versions at once."
)
@click.option(
    "--lock-timeout", type=click.FloatRange(0), default=90.0, show_default=True, metavar="SECONDS",
    help="How long to wait for another run.",
)  # fmt: skip
@click.option(
    "--report", type=click.File("w", encoding="utf-8", lazy=False), metavar="FILE",
    help="Write the report as JSON here too.",
)  # fmt: skip
@format_option("text", "json", "markdown")
def reconcile(
    models: tuple[str, ...],
    rev: str,
    jobs: int,
    lock_timeout: float,
    report: TextIO | None,
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
    from registry.cli.context import open_place, quoted, settings_at
    from registry.repository import Repository

    only = [_model_id(model) for model in models]
    repository = Repository.here()
    # With --fetch the settings too are those of what is fetched; the run itself fetches once more under the lock.
    commit = repository.fetch(rev) if fetch else repository.commit(rev)
    with open_place(repository, settings_at(repository, commit)) as place:
        outcomes = None if fetch or full or only or allow_rewind else _already_done(place, commit)
        if outcomes is None:
            run = _make_run(place, jobs, fetch=fetch)
            from registry.reconcile import reconcile as run_reconcile

            outcomes = run_reconcile(run, rev, only=only, full=full, allow_rewind=allow_rewind, timeout=lock_timeout)

    def lines() -> Lines:
        findings = [finding for result in outcomes.results for finding in result.findings]
        return quoted(repository, place.settings.models, findings, outcomes.commit)

    from registry.report import json, text

    page = in_form(
        form, text=lambda: text.render_outcomes(outcomes, lines()), json=lambda: json.render_outcomes(outcomes)
    )
    if report:
        report.write(json.render_outcomes(outcomes))
    click.echo(page, nl=False)
    return outcomes.exit_code


def _make_run(place: Place, jobs: int, *, fetch: bool) -> Run:
    from registry.parallel import load_ahead

    # What every judgement of a version needs: until then a run mostly waits for storage.
    load_ahead("registry.yaml12", "registry.descriptor", "registry.checks.form")
    from registry.cli.context import make_run
    from registry.cli.watching import make_watch

    return make_run(place, jobs=jobs, fetch=fetch, watch=make_watch())


def _already_done(place: Place, commit: str) -> Outcomes | None:
    """What there is to say where the state tells that nothing is to do, without the lock and at little cost."""
    from registry.errors import DivergedError
    from registry.outcome import Outcomes

    try:
        now = place.stand(commit)
    except DivergedError:  # the run says it, or is allowed to rewind
        return None
    return Outcomes(now.commit, now.converged, (), now.known, note=now.note) if now.is_recorded else None


def _model_id(text: str) -> ModelId:
    from registry.identity import parse_model_id

    if (model := parse_model_id(text)) is None:
        raise UsageError(f"`{text}` is not NAME/VERSION", hint="for example: registry reconcile zen-gpt2/1.1")
    return model
