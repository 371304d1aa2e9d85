"""Backlog and drift, as text, Markdown and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.report.json import FORMAT
from registry.report.markdown import render_text as fenced
from registry.report.words import count, duration, printable

if TYPE_CHECKING:
    from datetime import datetime

    from registry.condition import Drift, Pending, Status

_ROOM = 50_000  # characters for the details of an issue: GitHub takes 65,536
_NEXT = {
    "missing": "`registry reconcile --full` repairs what git can repair",
    "altered": "`registry reconcile --full` repairs what git can repair",
    "never-recorded": "`registry reconcile --full` adopts what equals the commit",
    "unknown": "look at what nobody knows, and take it away by hand",
}


def render_text(status: Status, now: datetime) -> str:
    """Verdict first, then the backlog from its oldest, then the drift, then the next steps."""
    return "\n".join([verdict(status, now), *_details(status, now), *_steps(status)]) + "\n"


def render_markdown(status: Status, now: datetime) -> str:
    """The same as a page."""
    return fenced(render_text(status, now))


def render_issue(status: Status, now: datetime) -> str:
    """The same as a page that GitHub takes whole: of too much, the verdict and the next steps stay."""
    lines: list[str] = []
    details, room = _details(status, now), _ROOM
    for line in details:
        if (room := room - len(line) - 1) < 0:
            lines.append(f"… and {count(len(details) - len(lines), 'more line')}")
            break
        lines.append(line)
    return fenced("\n".join([verdict(status, now), *lines, *_steps(status)]) + "\n")


def render_json(status: Status, _: datetime) -> str:
    """`{format, commit, converged, pending, drift, counts}`."""
    report = {
        "format": FORMAT,
        "commit": status.commit,
        "converged": status.converged,
        "pending": [{"model": str(pending.model), "since": pending.since} for pending in status.pending],
        "drift": [
            {"model": str(drift.model) if drift.model else None, "kind": drift.kind, "evidence": drift.evidence}
            for drift in status.drift
        ],
        "counts": status.counts(),
    }
    return json.dumps(report, indent=2) + "\n"


def verdict(status: Status, now: datetime) -> str:
    """What is wrong, and how much is recorded and pending, in a line."""
    backlog = ""
    if status.pending:
        oldest = min(status.pending, key=lambda pending: pending.since)
        backlog = f"; {count(len(status.pending), 'version')} pending, the oldest for {_age(oldest, now)}"
    behind = "" if status.commit == status.converged else f"; {status.commit[:12]} is not converged"
    recorded = f"{count(status.versions, 'version')} recorded"
    if status.drift:
        kinds = ", ".join(f"{number} {kind}" for kind, number in list(status.counts().items())[2:] if number)
        return f"drift: {kinds}; {recorded}{backlog}{behind}"
    return f"ok: {recorded}, no drift{backlog}{behind}"


def _details(status: Status, now: datetime) -> list[str]:
    """A line for each pending version, the oldest first, and for each drift."""
    lines = []
    if status.pending:
        lines += ["", *(_pending(pending, now) for pending in sorted(status.pending, key=lambda one: one.since))]
    if status.drift:
        lines += ["", *map(_drift, status.drift)]
    if not status.is_listed:
        lines += ["", "the endpoint does not list what it holds: records that nobody knows were not looked for"]
    return lines


def _steps(status: Status) -> list[str]:
    steps = dict.fromkeys(_NEXT[drift.kind] for drift in status.drift)
    if status.pending:
        steps["`registry reconcile` tries what is pending again"] = None
    return [*([""] if steps else []), *(f"next: {step}" for step in steps)]


def _pending(pending: Pending, now: datetime) -> str:
    return f"pending {printable(str(pending.model))} for {_age(pending, now)}, since {printable(pending.since)}"


def _drift(drift: Drift) -> str:
    model = f" {printable(str(drift.model))}" if drift.model else ""
    return f"{drift.kind}{model}: {printable(drift.evidence)}"


def _age(pending: Pending, now: datetime) -> str:
    seconds = pending.seconds(now)
    return "an unknown time" if seconds is None else duration(seconds)
