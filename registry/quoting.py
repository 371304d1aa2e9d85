"""Gather the source lines that findings stand in, for reports that show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from registry.finding import Finding
from registry.hiding import hide_secrets
from registry.report.quote import Lines
from registry.report.span import is_of_a_line
from registry.repository import Repository
from registry.rules import RULES
from registry.tree import SUBMODULE, SYMLINK, TreeFile

_MAX_BYTES = 1024 * 1024  # of a file; no rule speaks of a line in a larger one
_MAX_FILES = 1000  # those of the first findings; nobody reads on to the others
_SHARE = 200  # paths: far below what a system takes as a command line
_BREAK = re.compile(r"\r\n?|\n")


def load_lines(repository: Repository, models: str, findings: Iterable[Finding], commit: str | None) -> Lines:
    """The lines in a commit, or (None) in the working tree; none of what is no text. Secrets in them are hidden."""
    wanted: dict[str, list[Finding]] = {}
    for finding in findings:
        if is_of_a_line(finding) and (finding.path in wanted or len(wanted) < _MAX_FILES):
            wanted.setdefault(finding.path, []).append(finding)
    contents = repository.contents(_files(repository, models, list(wanted), commit))
    return {path: _lines(wanted[path], data) for path, data in contents.items() if b"\0" not in data}


def _files(repository: Repository, models: str, paths: Sequence[str], commit: str | None) -> Iterator[TreeFile]:
    for start in range(0, len(paths), _SHARE):
        share = paths[start : start + _SHARE]
        for file in repository.files(commit, models, folders=share):
            is_asked_for = file.path in share  # git takes `..` in a path for the folder above, and lists what is there
            if is_asked_for and file.mode not in (SYMLINK, SUBMODULE) and file.size <= _MAX_BYTES:
                yield file


def _lines(findings: Sequence[Finding], data: bytes) -> dict[int, str]:
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    written, lines = _BREAK.split(text), _BREAK.split(hide_secrets(text))
    for finding in findings:
        if finding.line <= len(lines):
            line = lines[finding.line - 1]
            if _is_of_a_secret(finding, is_hidden=line != written[finding.line - 1]):
                lines[finding.line - 1] = line[: finding.column - 1].ljust(len(line), "*")
    return {f.line: lines[f.line - 1] for f in findings if f.line <= len(lines)}


def _is_of_a_secret(finding: Finding, *, is_hidden: bool) -> bool:
    """Whether what stands at its place is to be seen by nobody; the finding itself does not say it either."""
    is_odd = finding.rule == "source-credentials" and not is_hidden  # credentials in what is hardly a URL
    return finding.found is None and (is_odd or RULES[finding.rule].family == "secrets")
