"""`registry github review`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.cli.forge import Job
    from registry.forge import Forge, Head
    from registry.telling import Teller


@click.command()
@click.option(
    "--wait", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS",
    help="How long to wait for GitHub's test merge.",
)  # fmt: skip
def review(wait: float) -> int:
    """Judge the pull request of a run again, and say so on it.

    For `workflow_run`: takes the test merge from GitHub as objects of git, judges it by the settings of its base, sets
    the status `registry/validate` on the head, and writes the reviewer's page as the one comment. Of the run itself
    nothing is believed but which commit it was about; one that is no longer a head gets nothing.
    """
    from registry.cli.forge import load_job, open_forge

    job = load_job(os.environ)
    run = _run(job)
    if run["event"] not in ("pull_request", "merge_group"):
        click.echo(f"nothing to say: the run was started by {run['event']}")
        return 0
    with open_forge(job) as forge:
        teller = _make_teller(job, forge, wait)
        tell = teller.tell_queue if run["event"] == "merge_group" else teller.tell_pull_request
        click.echo(tell(_head(run)))
    return 0


def _run(job: Job) -> Mapping[str, Any]:
    """The run that this one follows."""
    run = job.event.get("workflow_run")
    if job.event_name != "workflow_run" or not isinstance(run, Mapping):
        hint = "start it by `workflow_run`, as report.yml does; `registry review` shows a page"
        raise UsageError("no run of another workflow started this one", hint=hint)
    return run


def _head(run: Mapping[str, Any]) -> Head:
    """What the run was about; its branch and its repository are named by strangers."""
    from registry.forge import Head

    return Head((run["head_repository"] or {}).get("full_name", ""), run["head_branch"], run["head_sha"])


def _make_teller(job: Job, forge: Forge, wait: float) -> Teller:
    from registry.cli.review import review_of
    from registry.remote import Remote
    from registry.repository import Repository
    from registry.telling import Teller

    repository = Repository.here()
    configured = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return Teller(
        forge=forge,
        remote=Remote(repository.root, f"{job.server}/{job.repository}", job.token, configured=configured),
        repository=repository,
        review=lambda base, head: review_of(repository, base, head)[0],
        slug=job.repository,
        branch=job.branch,
        url=job.url,
        wait=wait,
        warn=lambda text: click.echo(f"warning: {text}", err=True),
    )
