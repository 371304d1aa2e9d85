"""`registry github drift`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    from registry.condition import Status

LABEL = "registry-drift"
MARKER = "<!-- registry: drift -->"
TITLE = "The registry is not what main says"
_HOUR = 3600.0


@click.command()
@click.option("--ref", "rev", default="HEAD", show_default=True, metavar="REV", help="The revision to compare with.")
@click.option(
    "--pending-hours", type=click.FloatRange(0), default=24.0, show_default=True, metavar="HOURS",
    help="How long a version may be pending before that counts too.",
)  # fmt: skip
def drift(rev: str, pending_hours: float) -> int:
    """Keep one issue open while storage or endpoint differ.

    Does what `registry status` does, and opens the issue, updates it, or closes it with a word. Drift that was reported
    is no failure; storage, an endpoint or GitHub that cannot be asked is exit code 3.
    """
    from registry.cli.context import now
    from registry.cli.forge import load_job, open_forge
    from registry.cli.status import load_status
    from registry.report.status import render_issue, verdict

    job, found, moment = load_job(os.environ), load_status(rev), now()
    log = f"\n<sub>[log]({job.url})</sub>\n" if job.url else ""
    with open_forge(job) as forge:
        if found.drift or _is_late(found, moment, pending_hours * _HOUR):
            is_new = forge.put_issue(LABEL, MARKER, TITLE, render_issue(found, moment) + log)
            done = "issue opened" if is_new else "issue updated"
        else:
            closed = forge.close_issues(LABEL, MARKER, f"None is left at {found.commit[:12]}.\n{log}")
            done = "issue closed" if closed else "no issue"
    click.echo(f"{verdict(found, moment)}; {done}")
    return 0


def _is_late(found: Status, moment: datetime, most: float) -> bool:
    """Whether a version is pending for longer than it may be; a time that nobody can read is long ago."""
    ages = [pending.seconds(moment) for pending in found.pending]
    return any(age is None or age > most for age in ages)
