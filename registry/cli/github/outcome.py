"""`registry github outcome`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.cli.forge import Job
    from registry.identity import ModelId
    from registry.report.ending import Ending


@click.command()
@click.option(
    "--report", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="What `registry reconcile --report` wrote; where there is none, that is said.",
)  # fmt: skip
@click.option("--environment", default="production", show_default=True, metavar="NAME", help="What was deployed to.")
def outcome(report: Path, environment: str) -> int:
    """Tell merged pull requests how their versions ended.

    All that were merged between the commit converged last and this one, and those whose versions ended now, each in one
    comment; and the deployment of this run. The same again updates the same comments.
    """
    from registry.announcing import Announcer
    from registry.cli.forge import load_job, open_forge
    from registry.report.ending import parse_ending

    job = load_job(os.environ)
    ending = parse_ending(report.read_bytes() if report.is_file() else b"")
    with open_forge(job) as forge:
        announcer = Announcer(forge, job.branch, job.url, lambda text: click.echo(f"warning: {text}", err=True))
        told = announcer.announce(_brought(job, ending), ending)
        state = announcer.deployed(environment, job.commit, ending)
    told_of = f"told {', '.join(f'#{number}' for number in told)}" if told else "no pull request to tell"
    click.echo(f"{told_of}; {f'deployment {state}' if state else 'no deployment to tell'}")
    return 0


def _brought(job: Job, ending: Ending | None) -> Iterator[tuple[str, set[ModelId]]]:
    """The commits that this run was about: since the commit converged before, and since the push that started it."""
    from registry.brought import find_brought
    from registry.cli.context import settings_at
    from registry.repository import Repository

    if ending and ending.note:  # a newer commit is converged, whose run tells
        return iter(())
    repository = Repository.here()
    commit = repository.commit(ending.commit if ending else job.commit)
    models = settings_at(repository, commit).models
    pushed = job.event.get("before") if job.event_name == "push" else None
    revs = [rev for rev in (pushed, ending.converged if ending else None) if isinstance(rev, str)]
    since = {rev for rev in revs if repository.is_ancestor(rev, commit)}
    return find_brought(repository.log(commit, models), models, since, ending.versions.keys() if ending else ())
