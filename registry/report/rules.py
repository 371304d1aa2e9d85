"""The rules, and the page of one, as text, Markdown and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping

from registry.report.json import FORMAT
from registry.rules import UNREGISTRABLE, Rule
from registry.rules.page import Example, Page

_WIDTH = 80  # characters of a line of prose in a terminal
_INDENT = "    "
_NO_HELP = (
    "A lower severity in `[tool.registry.severity]` does not help: what breaks this rule keeps versions from being "
    "registered."
)


def render_text(name: str, rule: Rule, page: Page) -> str:
    """What the rule wants and why, for a terminal."""
    said = [f"{name} ({rule.family}, {rule.severity})\n{_wrapped(rule.summary)}", _wrapped(page.why)]
    said += ["wrong:", _indented(page.wrong.text), "right:", _indented(page.right.text)]
    if name in UNREGISTRABLE:
        return "\n\n".join([*said, _wrapped(_NO_HELP)]) + "\n"
    return "\n\n".join([*said, "to change its severity, in pyproject.toml:", _indented(_setting(name, rule))]) + "\n"


def render_markdown(name: str, rule: Rule, page: Page) -> str:
    """The same as a page of its own."""
    said = [f"# {name}", f"{rule.summary} ({rule.family}, {rule.severity})", page.why]
    said += ["Wrong:", _fenced(page.wrong), "Right:", _fenced(page.right)]
    if name in UNREGISTRABLE:
        return "\n\n".join([*said, _NO_HELP]) + "\n"
    setting = Example("toml", _setting(name, rule))
    return "\n\n".join([*said, "To change its severity, in `pyproject.toml`:", _fenced(setting)]) + "\n"


def render_json(name: str, rule: Rule, page: Page) -> str:
    """`{format, rule, family, severity, summary, why, wrong, right}`."""
    return _dump(_json(name, rule) | {"why": page.why, "wrong": page.wrong.text, "right": page.right.text})


def render_list_text(rules: Mapping[str, Rule]) -> str:
    """All rules by family, and the next step."""
    width = max(map(len, rules))
    lines = []
    for family, members in _families(rules):
        lines += [family, *(f"  {name:{width}}  {rule.severity:7}  {rule.summary}" for name, rule in members), ""]
    return "\n".join([*lines, "next: registry explain RULE"]) + "\n"


def render_list_markdown(rules: Mapping[str, Rule], folder: str | None = None) -> str:
    """All rules in one table for each family; each rule's name a link to its page where those stand in a folder."""
    tables = []
    for family, members in _families(rules):
        rows = (
            f"| {f'[`{name}`]({folder}/{name}.md)' if folder else f'`{name}`'} | {rule.severity} | {rule.summary} |\n"
            for name, rule in members
        )
        tables.append(f"## {family}\n\n| rule | severity | what it holds |\n|---|---|---|\n{''.join(rows)}")
    return "\n".join(tables)


def render_list_json(rules: Mapping[str, Rule]) -> str:
    """`{format, rules}`."""
    return _dump({"rules": [_json(name, rule) for _, members in _families(rules) for name, rule in members]})


def _families(rules: Mapping[str, Rule]) -> Iterator[tuple[str, list[tuple[str, Rule]]]]:
    """Each family, in the order of the code, with its rules in that of the alphabet."""
    for family in dict.fromkeys(rule.family for rule in rules.values()):
        yield family, sorted((name, rule) for name, rule in rules.items() if rule.family == family)


def _setting(name: str, rule: Rule) -> str:
    others = ", ".join(f'"{s}"' for s in ("error", "warning", "notice", "off") if s != rule.severity)
    return f'[tool.registry.severity]\n{name} = "{rule.severity}"  # or {others}'


def _wrapped(text: str) -> str:
    paragraphs = text.split("\n\n")
    return "\n\n".join(textwrap.fill(p, _WIDTH, break_long_words=False, break_on_hyphens=False) for p in paragraphs)


def _indented(text: str) -> str:
    return textwrap.indent(text, _INDENT)


def _fenced(example: Example) -> str:
    return f"```{example.language}\n{example.text}\n```"


def _json(name: str, rule: Rule) -> dict[str, object]:
    return {"rule": name, **rule._asdict()}


def _dump(report: Mapping[str, object]) -> str:
    return json.dumps({"format": FORMAT, **report}, indent=2) + "\n"
