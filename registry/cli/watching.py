"""How a run is watched: a bar on a terminal, plain lines elsewhere; Ctrl-C once and twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from registry.reconcile import Watch
from registry.report.words import count, measured, printable, size

if TYPE_CHECKING:
    from rich.progress import Progress

    from registry.outcome import Result
    from registry.plan import Plan

_INTERRUPTED = 130
_STDERR = 2  # itself, in the middle of a line too: a signal that enters a buffer while it is written ends the run
_BAD = ("refused", "failed", "missing")


def make_watch() -> Watch:
    """A bar where somebody looks at a terminal, else a line for each version: a runner of jobs may have a terminal."""
    return Bar() if sys.stderr.isatty() and not os.environ.get("CI") else Lines()


class Lines(Watch):
    """A line for each version as it is done."""

    def begin(self, plan: Plan) -> None:
        """Say how much there is to do."""
        self.say(_sum(plan))

    def done(self, result: Result) -> None:
        """Say how one version ended."""
        self.say(_line(result))

    def say(self, text: str) -> None:
        """A line for people."""
        click.echo(text, err=True)

    @contextmanager
    def working(self) -> Iterator[Callable[[], bool]]:
        """Ctrl-C once: nothing more is begun. Twice: left at once, as if killed, and the next run goes on."""
        presses = 0

        def press(_: int, __: FrameType | None) -> None:
            nonlocal presses
            presses += 1
            if presses > 1:
                os._exit(_INTERRUPTED)
            os.write(_STDERR, b"interrupted: what is in flight is finished; Ctrl-C again leaves at once\n")

        before = signal.signal(signal.SIGINT, press)
        try:
            yield lambda: presses > 0
        finally:
            signal.signal(signal.SIGINT, before)


class Bar(Lines):
    """How many versions are done, of how many, and how long it takes; above it what did not end well."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        self._progress: Progress = Progress(*columns, *times, console=Console(stderr=True), transient=True)
        self._bytes = 0

    def begin(self, plan: Plan) -> None:
        """Say how much there is to do, and show the bar."""
        self.say(_sum(plan))
        self._task = self._progress.add_task(size(0), total=len(plan.items))

    def done(self, result: Result) -> None:
        """Go on."""
        self._bytes += result.bytes
        if result.outcome in _BAD:
            self.say(_line(result))
        self._progress.update(self._task, advance=1, description=size(self._bytes))

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)

    @contextmanager
    def working(self) -> Iterator[Callable[[], bool]]:
        """The bar stands while versions are worked on."""
        with self._progress, super().working() as is_stopped:
            yield is_stopped


def _sum(plan: Plan) -> str:
    files, amount = sum(item.files for item in plan.items), sum(item.bytes for item in plan.items)
    return f"{count(len(plan.items), 'version')}, {count(files, 'file')}, {size(amount)}"


def _line(result: Result) -> str:
    done = f", {measured(result.bytes, result.seconds)}" if result.files else ""
    return f"{result.outcome} {printable(str(result.model))}{done}"
