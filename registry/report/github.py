"""Annotations: workflow commands that GitHub shows on the line of the descriptor."""

from __future__ import annotations

from collections.abc import Sequence

from registry.finding import Finding
from registry.report.words import printable


def render_findings(findings: Sequence[Finding]) -> str:
    """One workflow command for each finding."""
    return "".join(map(_command, findings))


def _command(finding: Finding) -> str:
    place = f"file={_property(printable(finding.path))},line={finding.line},col={finding.column}"
    message = _data(printable(finding.message))
    return f"::{finding.severity} {place},title={_property(finding.rule)}::{message}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
