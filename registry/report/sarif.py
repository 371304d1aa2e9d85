"""SARIF 2.1.0, as GitHub's code scanning takes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from registry import __version__
from registry.finding import Finding, Severity, by_weight
from registry.report.quote import Lines
from registry.report.rules import render_markdown, render_text
from registry.report.span import span, stands_in
from registry.report.words import count, printable, shortened
from registry.rules import RULES, Rule
from registry.rules.page import Page

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "recommendation"}
_ROOT = "%SRCROOT%"
_MOST = 25_000  # results; GitHub refuses a file with more
_LONGEST = 1024  # characters of a description; GitHub takes no more

Json = dict[str, Any]


def render_findings(findings: Sequence[Finding], lines: Lines, pages: Mapping[str, Page]) -> str:
    """One run with all rules, each explained by its page, and its findings; of too many those that weigh most."""
    listed = by_weight(findings)[:_MOST]
    indices = {name: index for index, name in enumerate(sorted(RULES))}
    run: Json = {
        "tool": {
            "driver": {
                "name": "registry",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(name, RULES[name], pages[name]) for name in indices],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "results": [
            _result(finding, indices[finding.rule], lines, fingerprint)
            for finding, fingerprint in zip(listed, _fingerprints(listed), strict=True)
        ],
    }
    if left := len(findings) - len(listed):
        note = {"level": "note", "message": {"text": f"{count(left, 'more finding')}, not listed here."}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [note]}]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str, rule: Rule, page: Page) -> Json:
    severity = Severity(rule.severity)
    return {
        "id": name,
        "shortDescription": {"text": _message(rule.summary)},
        "fullDescription": {"text": _message(page.why)},
        "help": {"text": render_text(name, rule, page), "markdown": render_markdown(name, rule, page)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": [rule.family], "problem.severity": _PROBLEMS[severity]},
    }


def _result(finding: Finding, index: int, lines: Lines, fingerprint: str) -> Json:
    line = lines.get(finding.path, {}).get(finding.line)
    width = span(finding, line) if line is not None and stands_in(finding, line) else 0
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.line,
        "endColumn": finding.column + width,
    }
    path = finding.path.encode("utf-8", "surrogateescape")  # a name need not be UTF-8
    place = {"artifactLocation": {"uri": quote(path), "uriBaseId": _ROOT}, "region": region}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding.message)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _message(text: str) -> str:
    """A text in which nothing is a link. Braces stay single: there are no arguments that could replace them."""
    return re.sub(r"([\\\[\]])", r"\\\1", printable(shortened(text, _LONGEST)))


def _fingerprints(findings: Sequence[Finding]) -> list[str]:
    """What stays the same where a finding only moves to another line, with a number for those that are the same."""
    seen: Counter[str] = Counter()
    fingerprints = []
    for finding in findings:
        what = finding.message if finding.found is None else finding.found
        digest = hashlib.sha256(json.dumps([finding.rule, finding.path, finding.field, what]).encode()).hexdigest()[:16]
        seen[digest] += 1
        fingerprints.append(f"{digest}:{seen[digest]}")
    return fingerprints
