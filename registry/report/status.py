"""Backlog and drift, as text, Markdown and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.report.json import FORMAT
from registry.report.markdown import render_text as fenced
from registry.report.words import count, duration, printable

if TYPE_CHECKING:
    from registry.condition import Drift, Pending, Status

_NEXT = {
    "missing": "`registry reconcile --full` repairs what git can repair",
    "altered": "`registry reconcile --full` repairs what git can repair",
    "never-recorded": "`registry reconcile --full` adopts what equals the commit",
    "unknown": "look at what nobody knows, and take it away by hand",
}


def render_text(status: Status, now: datetime) -> str:
    """Verdict first, then the backlog from its oldest, then the drift, then the next steps."""
    lines = [_verdict(status, now)]
    if status.pending:
        lines += ["", *(_pending(pending, now) for pending in sorted(status.pending, key=lambda one: one.since))]
    if status.drift:
        lines += ["", *map(_drift, status.drift)]
    if not status.is_listed:
        lines += ["", "the endpoint does not list what it holds: records that nobody knows were not looked for"]
    steps = dict.fromkeys(_NEXT[drift.kind] for drift in status.drift)
    if status.pending:
        steps["`registry reconcile` tries what is pending again"] = None
    return "\n".join([*lines, *([""] if steps else []), *(f"next: {step}" for step in steps)]) + "\n"


def render_markdown(status: Status, now: datetime) -> str:
    """The same as a page."""
    return fenced(render_text(status, now))


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


def _verdict(status: Status, now: datetime) -> str:
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


def _pending(pending: Pending, now: datetime) -> str:
    return f"pending {printable(str(pending.model))} for {_age(pending, now)}, since {printable(pending.since)}"


def _drift(drift: Drift) -> str:
    model = f" {printable(str(drift.model))}" if drift.model else ""
    return f"{drift.kind}{model}: {printable(drift.evidence)}"


def _age(pending: Pending, now: datetime) -> str:
    try:
        since = datetime.strptime(pending.since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "an unknown time"
    return duration(max(0.0, (now - since).total_seconds()))
