"""What was fixed and what is left, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.finding import Severity
from registry.report.json import FORMAT
from registry.report.quote import NO_LINES, Lines
from registry.report.text import render_findings
from registry.report.words import count, printable

if TYPE_CHECKING:
    from registry.fixes import Outcomes, Result


def render_text(outcomes: Outcomes, quoted: Lines = NO_LINES) -> str:
    """What was fixed, then what `registry validate` says now; `quoted` are the source lines of what is left."""
    lines = [_verdict(outcomes)]
    for result in outcomes.results:
        lines += ["", printable(result.path), *_result(result)]
        lines += [] if outcomes.is_written else [f"    {printable(line)}" for line in result.diff]
    return "\n".join([*lines, "", render_findings(outcomes.left, outcomes.judged, quoted)])


def render_json(outcomes: Outcomes) -> str:
    """`{format, written, files, findings, counts}`; `findings` are those that are left."""
    severities = Counter(finding.severity for finding in outcomes.left)
    counts = {"fixed": outcomes.mended} | {severity.value: severities[severity] for severity in Severity}
    page = {
        "format": FORMAT,
        "written": outcomes.is_written,
        "files": [_json(result) for result in outcomes.results],
        "findings": [asdict(finding) for finding in outcomes.left],
        "counts": counts,
    }
    return json.dumps(page, indent=2) + "\n"


def _verdict(outcomes: Outcomes) -> str:
    if not outcomes.results:
        return "nothing to fix"
    files = count(sum(1 for result in outcomes.results if result.mended), "descriptor")
    return f"{'fixed' if outcomes.is_written else 'would fix'}: {count(outcomes.mended, 'finding')} in {files}"


def _result(result: Result) -> list[str]:
    lines = [f"    {finding.rule}: {printable(finding.message)}" for finding in result.mended]
    lines += [f"    not written: {printable(result.reason)}"] if result.reason else []
    return lines + ([f"    hint: {printable(result.hint)}"] if result.hint else [])


def _json(result: Result) -> dict[str, Any]:
    return {
        "path": result.path,
        "fixed": [asdict(finding) for finding in result.mended],
        "diff": "".join(f"{line}\n" for line in result.diff),
        "reason": result.reason,
        "hint": result.hint,
    }
