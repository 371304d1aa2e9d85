"""One thing a contributor has to fix, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from registry.hiding import hide_secrets
from registry.rules import RULES

_LONGEST = 1000  # characters of a text; what strangers write may be longer, and be quoted in many findings


class Severity(StrEnum):
    """How much a finding weighs: only an error fails a check."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing a contributor has to fix, and where; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str  # stable and documented: "entry-script-unknown"
    severity: Severity
    field: str  # model_config.inference_properties.entry_script
    message: str  # what is wrong, then what to do
    found: str | None = None
    expected: str | None = None
    fix: str | None = None

    def weighed(self, severity: str) -> Finding:
        """The same finding with the severity that the settings give it."""
        return replace(self, severity=Severity(severity))


class Place(NamedTuple):
    """A position in a contributor's file."""

    path: str
    line: int = 1
    column: int = 1
    field: str = ""

    def finding(
        self,
        rule: str,
        message: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> Finding:
        """A finding here, with the severity that the rule has by default; secrets are hidden, and long texts cut."""
        severity = Severity(RULES[rule].severity)
        path, field, said = _cut(self.path), _cut(hide_secrets(self.field)), _cut(hide_secrets(message))
        shown, named = (text and _cut(hide_secrets(text)) for text in (found, expected))
        fix = hide_secrets(fix) if fix and len(fix) <= _LONGEST else None  # a part of it would mend nothing
        return Finding(path, self.line, self.column, rule, severity, field, said, shown, named, fix)


def _cut(text: str) -> str:
    """The beginning and the end of a text: what is wrong, and what to do."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 4 :]}"


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with errors before warnings before notices, and else in their order."""
    severities = list(Severity)
    return sorted(findings, key=lambda finding: severities.index(finding.severity))


def weigh(findings: list[Finding], severities: Mapping[str, str]) -> list[Finding]:
    """The findings sorted, with the severities of the settings; a rule that is `off` is left out."""
    weighed = [
        f.weighed(severities[f.rule]) if f.rule in severities else f
        for f in findings
        if severities.get(f.rule) != "off"
    ]
    return sorted(set(weighed), key=lambda f: (f.path, f.line, f.column, f.rule, f.message))
