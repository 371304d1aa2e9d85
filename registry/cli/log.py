"""`registry log`."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option
from registry.errors import RegistryError, UsageError

if TYPE_CHECKING:
    from registry.ledger import Ledger
    from registry.repository import Repository


@click.command()
@click.argument("model", metavar="[NAME[/VERSION]]", default="")
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to go back from.")
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N", help="Show the N newest entries alone.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), metavar="TIME",
    help="Show what was committed since this day, or since this second (2026-01-31T12:00:00Z), in UTC.",
)  # fmt: skip
@format_option("text", "json", "markdown")
def log(model: str, rev: str, limit: int | None, since: datetime | None, form: str) -> int:
    """Show who changed what, when, and how it was registered.

    Goes back along the main line, the newest change first, and takes from receipts when and by which run each was
    registered. Where storage does not answer, the rest is shown, and the exit code is 3.
    """
    from registry.chronicle import Log, exit_code
    from registry.ledger import stamp
    from registry.report import log as report
    from registry.repository import Repository
    from registry.tracing import Trace

    repository = Repository.here()
    commit = repository.commit(rev)
    render = {"text": report.render_text, "json": report.render_json, "markdown": report.render_markdown}
    with ExitStack() as stack:
        models, ledger, problems = _open(stack, repository, commit)
        path = _path(models, model)
        trace = Trace(repository, models, ledger, problems)
        entries = trace.entries(commit, path, since=stamp(since) if since else None, lot=limit)
        first = list(islice(entries, 1))
        if not first and model and trace.is_whole:
            _check_known(repository, models, commit, model)
        shown = Log(commit, model, islice(chain(first, entries), limit), trace.problems)
        for piece in render[form](shown):
            click.echo(piece, nl=False)
    return exit_code(trace.problems)


def _open(stack: ExitStack, repository: Repository, commit: str) -> tuple[str, Ledger | None, list[RegistryError]]:
    """The models' folder, and the ledger, or why there is none: what git knows is shown without it."""
    from registry.cli.context import now, open_storage, settings_at, settings_text
    from registry.ledger import Ledger
    from registry.settings import Settings, parse_settings

    models = Settings.models
    try:
        models = parse_settings(settings_text(repository, commit), {}).models
        settings = settings_at(repository, commit)
        return models, Ledger(stack.enter_context(open_storage(repository, settings)), now), []
    except RegistryError as error:
        return models, None, [error]


def _path(models: str, model: str) -> str:
    parts = model.split("/") if model else []
    if len(parts) > 2 or not {"", ".", ".."}.isdisjoint(parts):
        hint = "for example: registry log zen-gpt2, or registry log zen-gpt2/1.1"
        raise UsageError(f"`{model}` is neither NAME nor NAME/VERSION", hint=hint)
    return "/".join([models, *parts])


def _check_known(repository: Repository, models: str, commit: str, model: str) -> None:
    """Raise UsageError with the nearest name where the main line never held such a model."""
    from difflib import get_close_matches

    if any(repository.main_line(commit, models, _path(models, model))):
        return
    known = repository.names(commit, models)
    names = [str(one) for one in known] if "/" in model else sorted({one.name for one in known})
    near = get_close_matches(model, names, 1, 0.5)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise UsageError(f"no commit up to {commit[:12]} has `{model}`", hint=f"{hint}`registry log` shows all")
