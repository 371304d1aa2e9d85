"""JSON for programs: `"format": 1`; keys are only ever added within a format."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.finding import Finding, Severity

if TYPE_CHECKING:
    from registry.outcome import Outcomes
    from registry.plan import Plan

FORMAT = 1


def render_findings(findings: Sequence[Finding]) -> str:
    """`{format, findings, counts}`."""
    return dump({"findings": [asdict(finding) for finding in findings], "counts": counts_of(findings)})


def counts_of(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each severity."""
    severities = Counter(finding.severity for finding in findings)
    return {severity.value: severities[severity] for severity in Severity}


def render_plan(plan: Plan) -> str:
    """`{format, commit, converged, versions, counts}`."""
    versions = [asdict(item) | {"model": str(item.model)} for item in plan.items]
    return dump(
        {
            "commit": plan.commit,
            "converged": plan.converged,
            "note": plan.note,
            "versions": versions,
            "counts": plan.counts(),
        }
    )


def render_outcomes(outcomes: Outcomes) -> str:
    """The plan's shape with `outcome` for `action`, and `retryable`."""
    versions = [asdict(result) | {"model": str(result.model)} for result in outcomes.results]
    about = {"commit": outcomes.commit, "converged": outcomes.converged, "note": outcomes.note}
    left = {"left": outcomes.left, "waiting": list(map(str, outcomes.waiting))}
    took = {"files": outcomes.files, "bytes": outcomes.bytes, "seconds": outcomes.seconds}
    return dump(about | left | {"versions": versions, "counts": outcomes.counts()} | took)


def dump(report: dict[str, Any]) -> str:
    """A report with the number of its format."""
    return json.dumps({"format": FORMAT} | report, indent=2) + "\n"
