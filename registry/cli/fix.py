"""`registry fix`."""

from __future__ import annotations

import click

from registry.cli.options import format_option


@click.command()
@click.argument("paths", metavar="[PATH]…", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Write nothing, and show what would change.")
@format_option("text", "json")
def fix(paths: tuple[str, ...], form: str, *, dry_run: bool) -> int:
    """Write into the descriptors what can be computed.

    Mends what `registry validate` finds in the working tree and has only one answer: canonical names, misplaced and
    misspelled keys, numbers that the weights tell. All else in the descriptors stays as it is, and what only you can
    know is named. PATH limits it to some folders.
    """
    from registry.cli.context import settings_at
    from registry.fixing import fix as run_fix
    from registry.judging import Scope, folders_at
    from registry.quoting import load_lines
    from registry.report import fixes
    from registry.repository import Repository

    repository = Repository.here()
    settings = settings_at(repository, None)
    scope = Scope(settings.models, folders=folders_at(repository, settings.models, paths))
    outcomes = run_fix(repository, scope, settings.policy, write=not dry_run)
    quoted = {} if dry_run else load_lines(repository, settings.models, outcomes.left, None)
    page = fixes.render_text(outcomes, quoted) if form == "text" else fixes.render_json(outcomes)
    click.echo(page, nl=False)
    return outcomes.exit_code
