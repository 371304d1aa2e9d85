"""How much of a source line is wrong: what a finding found there, or the token at its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.finding import Finding

_YAML = (".yaml", ".yml")
_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*+\"?|'(?:[^']|'')*+'?""")
_PROPERTY = re.compile(r"[&*!][^\s,\[\]{}]*")  # an anchor, an alias or a tag
_PLAIN = re.compile(r"(?a)(?:[^\s:#]|(?<!\s)#|:(?![\s]|$)|[ \t]+(?![\s#]|$))+")
_PLAIN_IN_FLOW = re.compile(r"(?a)(?:[^\s:#,\[\]{}]|(?<!\s)#|:(?![\s,\[\]{}]|$)|[ \t]+(?![\s#]|$))+")
_WORD = re.compile(r"\w+")
_OPENING = ("[", "{")
_FAR = 2000  # characters of a line that are looked at on either side: there may be many findings in a long one


def is_of_a_line(finding: Finding) -> bool:
    """Whether the finding is about something in its line; one at the first character alone is about the file."""
    return (finding.line, finding.column) != (1, 1) or bool(finding.field)


def stands_in(finding: Finding, line: str) -> bool:
    """Whether what the finding is about stands in the line; a key of the first line may also be missing there."""
    if (finding.line, finding.column) == (1, 1):
        return is_of_a_line(finding) and line.lstrip("'\"").startswith(finding.field.partition(".")[0])
    return finding.column <= len(line) + 1


def span(finding: Finding, line: str) -> int:
    """How many characters of the line, from the finding's column on, are wrong; at least 1."""
    start = finding.column - 1
    before, rest = line[max(0, start - _FAR) : start], line[start : start + _FAR]
    token = _yaml_token(before, rest) if finding.path.endswith(_YAML) else _matched(_WORD, rest)
    return max(1, _found(finding.found, rest) or len(token.rstrip()))


def _found(found: str | None, rest: str) -> int:
    """The length of what was found, where it is written so at this place; else 0."""
    text = re.sub(r"^(?:the text )?`(.*)`$", r"\1", found or "", flags=re.DOTALL)
    for written in (text, f'"{text}"', f"'{text}'"):
        if text and rest.startswith(written) and not re.match(r"\w\w", written[-1] + rest[len(written) :][:1]):
            return len(written)
    return 0


def _yaml_token(before: str, rest: str) -> str:
    if not rest[:1].isprintable() or rest[:1].isspace():
        return rest[:1]
    if rest.startswith(("'", '"')):
        return _matched(_QUOTED, rest)
    if rest.startswith(("&", "*", "!")):
        return _matched(_PROPERTY, rest)
    if rest.startswith(_OPENING):
        return _collection(rest)
    if _is_open(before):
        return _matched(_PLAIN_IN_FLOW, rest)
    token = _matched(_PLAIN, rest)
    return token if re.search(r"[\[{]", token) else token.rstrip(",]}")  # of a bracket on a line above


def _matched(pattern: re.Pattern[str], rest: str) -> str:
    match = pattern.match(rest)
    return match.group() if match else ""


def _collection(rest: str) -> str:
    """From an opening bracket to the one that closes it; the bracket alone where that is on another line."""
    depth = index = 0
    while index < len(rest):
        quoted = _QUOTED.match(rest, index)
        depth += (rest[index] in "[{") - (rest[index] in "]}")
        index = quoted.end() if quoted else index + 1
        if depth == 0:
            return rest[:index]
    return rest[0]


def _is_open(before: str) -> bool:
    """Whether a bracket that the line opens is still open at its end."""
    plain = re.sub(r"""\"(?:[^"\\]|\\.)*+\"|'(?:[^']|'')*+'""", "", before)
    return plain.count("[") + plain.count("{") > plain.count("]") + plain.count("}")
