"""`registry pin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option
from registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.digests import Digest
    from registry.identity import ModelId
    from registry.repository import Repository


@click.command()
@click.argument("models", metavar="[NAME/VERSION]…", nargs=-1)
@click.option("--update", is_flag=True, help="Read pinned sources too, and write what they hold where a pin differs.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Sources at once.")
@format_option("text", "json")
def pin(models: tuple[str, ...], jobs: int, form: str, *, update: bool) -> int:
    """Write `sha256` and `size` of remote files.

    Reads each source that lacks one of the two, and completes the descriptors of the working tree; all else in them
    stays as it is. NAME/VERSION limits it to some versions.
    """
    from registry.cli.context import settings_at
    from registry.pinning import pin as run_pin
    from registry.report import pins
    from registry.repository import Repository
    from registry.sources import Sources

    repository = Repository.here()
    settings = settings_at(repository, None)
    sources = Sources(settings.policy, settings.credentials.source_sas)
    only = _versions(repository, settings.models, models)
    outcomes = run_pin(repository, sources, settings.models, only, jobs=jobs, update=update, on_read=_say)
    click.echo({"text": pins.render_text, "json": pins.render_json}[form](outcomes), nl=False)
    return outcomes.exit_code


def _say(url: str, found: Digest) -> None:
    from registry.report.words import printable, size
    from registry.web import redact

    click.echo(f"read {printable(redact(url))} ({size(found.size)})", err=True)


def _versions(repository: Repository, models: str, named: Iterable[str]) -> list[ModelId]:
    known = {str(model): model for model in repository.names(None, models)} if named else {}
    for name in named:
        if name not in known:
            hint = "name one as NAME/VERSION, for example: registry pin zen-gpt2/1.1"
            raise UsageError(f"`{name}` is no version under `{models}/`", hint=hint)
    return [known[name] for name in named]
