"""Characters that keep a descriptor from being read, or that nobody sees: taken out, tabs made spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

from registry.edits.splices import BREAK, Splice, apply_splices
from registry.finding import Finding
from registry.identity import UNPRINTABLE
from registry.yaml12 import parse_yaml

_INDENTED = re.compile(r"^( +)[^ \t\r\n#]", re.MULTILINE)
_WRONG = {
    "byte-order-mark": re.compile("\ufeff"),
    "control-character": UNPRINTABLE,
    "tab-indentation": re.compile(r"[ \t]+"),
    "tag": re.compile(r"![^\s,\[\]{}]*[ \t]*"),
}


def fix_characters(text: str, findings: Sequence[Finding]) -> tuple[str, list[Finding]]:
    """The text without the characters that these findings name, and which findings that mends; all of them or none."""
    splices = {finding: splice for finding in findings if (splice := _splice(text, finding)) is not None}
    new = apply_splices(text, splices.values())
    before, after = ({f.rule for f in parse_yaml("", each.encode())[1]} for each in (text, new))
    return (new, list(splices)) if splices and after <= before else (text, [])


def _splice(text: str, finding: Finding) -> Splice | None:
    pattern = _WRONG.get(finding.rule)
    found = pattern.match(text, _index(text, finding)) if pattern else None
    if found is None:
        return None
    new = found.group().replace("\t", _level(text)) if finding.rule == "tab-indentation" else ""
    return Splice(found.start(), found.end(), new)


def _level(text: str) -> str:
    """The spaces of one level in the lines that are indented with spaces; two where there are none."""
    return min((found[1] for found in _INDENTED.finditer(text)), key=len, default="  ")


def _index(text: str, finding: Finding) -> int:
    """Where a finding's place is in the text."""
    ends = [0, *(found.end() for found in BREAK.finditer(text))]
    return ends[min(finding.line, len(ends)) - 1] + finding.column - 1
