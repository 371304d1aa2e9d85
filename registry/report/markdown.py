"""Markdown for a summary or a comment."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from registry.finding import Finding, by_weight
from registry.report.markup import code, fenced, inline
from registry.report.text import next_steps, verdict
from registry.report.words import count, shortened

_MOST = 60_000  # characters: GitHub cuts a comment off at 65,536, and a page may stand beside others
_ROOM = 1000  # of them, for the verdict, the totals and the next step
_HEADINGS = "| place | severity | rule | what is wrong |\n|---|---|---|---|\n"


def render_findings(findings: Sequence[Finding], judged: int) -> str:
    """The verdict, a table for each file, and the next step; where it would be too long, errors before all else."""
    steps = [f"{inline(step)}\n" for step in next_steps(findings)]
    return "\n".join([f"**{verdict(findings, judged)}**\n", *render_tables(findings, _MOST - _ROOM), *steps])


def render_tables(findings: Sequence[Finding], room: int) -> list[str]:
    """A table for each file, of what fits into so many characters, and a line that counts the rest."""
    listed = _listed(findings, room)
    tables = [
        f"{_title(path)}{''.join(map(_row, of_file))}"
        for path, of_file in groupby(listed, key=lambda finding: finding.path)
    ]
    if rest := set(findings) - set(listed):
        files = {finding.path for finding in rest}
        tables.append(f"{count(len(findings) - len(listed), 'more finding')} in {count(len(files), 'file')}.\n")
    return tables


def render_text(text: str) -> str:
    """The verdict as a line of its own, the details as they stand in the terminal, in a fence that nothing closes."""
    said, _, details = text.partition("\n")
    pages = [fenced(said)] if not details.strip() else [fenced(said), fenced(details.strip("\n"))]
    return "\n".join(pages)


def _listed(findings: Sequence[Finding], room: int) -> list[Finding]:
    """Those that fit, in their order."""
    fit, paths = set(), set()
    for finding in by_weight(findings):
        room -= len(_row(finding)) + (0 if finding.path in paths else len(_title(finding.path)) + 1)
        if room < 0:
            break
        fit.add(finding)
        paths.add(finding.path)
    return [finding for finding in findings if finding in fit]


def _title(path: str) -> str:
    return f"{code(shortened(path, 300))}\n\n{_HEADINGS}"


def _row(finding: Finding) -> str:
    place = f"{finding.line}:{finding.column}"
    return f"| {place} | {finding.severity} | {code(finding.rule)} | {inline(shortened(finding.message, 1000))} |\n"
