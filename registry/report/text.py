"""Text for a terminal or a log: verdict first, then details, then the next step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from registry.finding import Finding, Severity
from registry.report.quote import NO_LINES, Lines, columns, render_quote
from registry.report.words import count, measured, printable, size
from registry.rules import RETRYABLE

if TYPE_CHECKING:
    from registry.outcome import Outcomes, Result
    from registry.plan import Plan


def render_findings(findings: Sequence[Finding], judged: int, lines: Lines = NO_LINES) -> str:
    """What is wrong with the versions that were judged, each finding with its source line where that is in `lines`."""
    page = [verdict(findings, judged)]
    for finding in findings:
        page += ["", *_finding(finding, lines)]
    if findings:
        page += ["", *next_steps(findings)]
    return _joined(page)


def render_details(findings: Sequence[Finding], lines: Lines = NO_LINES) -> str:
    """Each finding, without verdict and next step."""
    return "\n".join("\n".join(_finding(finding, lines)) + "\n" for finding in findings)


def render_plan(plan: Plan, quoted: Lines = NO_LINES) -> str:
    """What reconcile would do; `quoted` are the source lines of its findings."""
    if plan.note:
        return f"nothing to do: {plan.note}\n"
    counts = ", ".join(f"{number} {action}" for action, number in plan.counts().items() if number)
    lines = [f"plan for {plan.commit[:12]}: {counts or 'nothing'}"]
    rows = [(i.action, str(i.model), count(i.files, "file"), size(i.bytes), i.reason) for i in plan.items]
    if rows:
        lines += ["", *_table(("action", "model", "files", "bytes", "why"), rows)]
    findings = [finding for item in plan.items for finding in item.findings]
    for finding in findings:
        lines += ["", *_finding(finding, quoted)]
    if any(item.action not in ("refuse", "missing") for item in plan.items):
        lines += ["", "next: registry reconcile"]
    elif findings:
        lines += ["", "next: mend what is named above in a pull request"]
    return _joined([*lines, *_help(findings)] if plan.items else [*lines, "nothing to do"])


def render_outcomes(outcomes: Outcomes, quoted: Lines = NO_LINES) -> str:
    """How a run ended; `quoted` are the source lines of its findings."""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.counts().items() if number)
    commit = outcomes.commit[:12]
    if outcomes.note:
        return f"nothing to do: {outcomes.note}\n"
    if outcomes.left and not outcomes.results:
        return f"nothing to do for these: {count(outcomes.left, 'other version')} left pending\n"
    if not outcomes.results:
        return f"nothing to do: {commit} is converged ({counts or 'no versions'})\n"
    left = f"; {count(outcomes.left, 'version')} not named left pending" if outcomes.left else ""
    done = f"; {count(outcomes.files, 'file')}, {measured(outcomes.bytes, outcomes.seconds)}" if outcomes.files else ""
    lines = [f"reconciled {commit}: {counts}{left}{done}"]
    if rows := [_registered(result, commit) for result in outcomes.results if result.type]:
        headings = ("model", "version", "type", "parameters", "files", "bytes", "commit", "outcome")
        lines += ["", *_table(headings, rows, right=(3, 4, 5))]
    for result in outcomes.results:
        if result.outcome in ("refused", "failed", "missing"):
            lines += ["", *_unhappy(result, quoted)]
    if notes := [f"{result.model}: {result.note}" for result in outcomes.results if result.note]:
        lines += ["", *map(printable, notes)]
    return _joined([*lines, *_next_step(outcomes)])


def verdict(findings: Sequence[Finding], judged: int) -> str:
    """`failed` or `ok`, and the totals, in one line."""
    severities = Counter(finding.severity for finding in findings)
    counted = ", ".join(count(severities[s], s) for s in Severity if severities[s])
    word = "failed" if severities[Severity.ERROR] else "ok"
    return f"{word}: {count(judged, 'version')}, {counted or 'nothing wrong'}"


def next_steps(findings: Sequence[Finding]) -> list[str]:
    """What to do about the findings of a validation, and where to read more, each in a line."""
    errors = {finding.rule for finding in findings if finding.severity is Severity.ERROR}
    step = "run it again" if errors <= RETRYABLE else "mend what is named above, then run `registry validate` again"
    return [*([f"next: {step}"] if errors else []), *_help(findings)]


def _finding(finding: Finding, lines: Lines) -> list[str]:
    place = f"{printable(finding.path)}:{finding.line}:{finding.column}"
    details = [printable(finding.message), *render_quote(finding, lines)]
    return [f"{place}: {finding.severity}: {finding.rule}", *(f"    {line}" for line in details)]


def _registered(result: Result, commit: str) -> tuple[str, ...]:
    numbers = (f"{result.num_params:,}", str(result.files), size(result.bytes))
    return (result.model.name, result.model.version, result.type, *numbers, commit, result.outcome)


def _unhappy(result: Result, quoted: Lines) -> list[str]:
    again = " (running again may help)" if result.retryable else ""
    lines = [f"{result.outcome} {printable(str(result.model))}: {printable(result.reason)}{again}"]
    for finding in result.findings:
        lines += [f"    {line}" for line in _finding(finding, quoted)]
    return [*lines, f"    hint: {printable(result.hint)}"] if result.hint else lines


def _next_step(outcomes: Outcomes) -> list[str]:
    if outcomes.exit_code == 0:
        return []
    step = "run `registry reconcile` again" if outcomes.exit_code == 3 else "mend what is named above in a pull request"
    findings = [finding for result in outcomes.results for finding in result.findings]
    return ["", f"next: {step}; the versions stay pending until they are done", *_help(findings)]


def _help(findings: Sequence[Finding]) -> list[str]:
    """Where the first rule that is broken is explained, one that fails the check before others."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    return [f"help: `registry explain {f.rule}` shows the rule with examples" for f in (errors or findings)[:1]]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    table = [headings, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]

    def placed(index: int, cell: str) -> str:
        room = " " * (widths[index] - columns(cell))
        return room + cell if index in right else cell + room

    return ["  ".join(placed(index, cell) for index, cell in enumerate(row)).rstrip() for row in table]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
