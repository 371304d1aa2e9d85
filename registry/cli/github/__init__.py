"""`registry github`: what the workflows tell GitHub, one file per command."""

from __future__ import annotations

import click

from registry.cli.lazy import LazyGroup

COMMANDS = {
    "review": "Judge the pull request of a run again, and say so on it.",
    "outcome": "Tell merged pull requests how their versions ended.",
    "drift": "Keep one issue open while storage or endpoint differ.",
}


@click.group(cls=LazyGroup, package=__name__, listed=COMMANDS)
def github() -> None:
    """Tell GitHub how a change, a merge or the registry stands.

    Called by the workflows: GITHUB_TOKEN and what GitHub tells a job of itself are read from the environment. What
    cannot be told is a warning, and decides nothing, but for a status and an issue: then the exit code is 3.
    """
