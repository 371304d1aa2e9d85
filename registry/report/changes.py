"""What changed for a reader of the models, as text, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from registry.diff import Change
from registry.report.json import dump
from registry.report.markup import code, escape, fenced, html_code
from registry.report.view import Entry, Line, Part, Row, is_gone, lines_of, make_entry, summary
from registry.report.words import count, printable, shortened

ROOM = 40_000  # characters of Markdown: the rest of a page of 60,000 is for findings and what merging does
_FEW = 5  # entries up to which each stands open
_LEVELS = ((8, 12), (40, 80))  # rows, and lines of a text, that an entry shows at most: in short, and in full
_LONGEST_PART, _LONGEST_ROW, _LONGEST_LINE = 300, 600, 200  # characters
_MARKS = {"out": ("[-", "-]"), "in": ("{+", "+}"), "gone": ("-", ""), "new": ("+", "")}
_TAGS = {"out": "del", "in": "ins"}
_NOTHING = "nothing changed for a reader of the models"


def verdict(changes: Sequence[Change]) -> str:
    """How many versions differ, and how."""
    if not changes:
        return _NOTHING
    kinds = Counter("deleted" if is_gone(change) else change.kind for change in changes)
    counted = ", ".join(f"{many:,} {kind}" for kind, many in sorted(kinds.items()))
    return f"{count(len(changes), 'version')} differ{'s' if len(changes) == 1 else ''}: {counted}"


def render_text(changes: Sequence[Change]) -> str:
    """All of it, readable without colour: `[-words-]` went, `{+words+}` came."""
    lines = [verdict(changes)]
    for change in changes:
        lines += ["", *_text(make_entry(change))]
    return "\n".join(lines) + "\n"


def render_markdown(changes: Sequence[Change], room: int = ROOM) -> str:
    """The verdict and an entry for each version, in at most so many characters: the long ones in short before that."""
    return "\n".join([f"**{verdict(changes)}**\n", *_blocks([make_entry(change) for change in changes], room)])


def render_entries(changes: Sequence[Change], room: int = ROOM) -> str:
    """The same without the verdict, for a page that has one."""
    return "\n".join(_blocks([make_entry(change) for change in changes], room))


def render_json(changes: Sequence[Change], base: str, head: str) -> str:
    """`{format, base, head, changes}`."""
    return dump({"base": base, "head": head, "changes": [to_json(change) for change in changes]})


def to_json(change: Change) -> dict[str, Any]:
    """What changed in one version; texts as the lines of a unified diff."""
    compared = str(change.compared_with) if change.compared_with else None
    texts = [
        {"name": text.name, "diff": [f"{line.sign}{line.text}" for line in lines_of(text)]} for text in change.texts
    ]
    return asdict(change) | {"model": str(change.model), "compared_with": compared, "texts": texts}


def title(entry: Entry) -> str:
    """Which version, and what happened to it."""
    return f"{printable(entry.model)}: {printable(entry.title)}"


def _text(entry: Entry) -> Iterator[str]:
    yield title(entry)
    yield from (f"    {line}".rstrip() for line in details(entry))


def details(entry: Entry) -> Iterator[str]:
    """What changed, in a line each."""
    if entry.note:
        yield entry.note
    yield from (f"! {printable(alert)}" for alert in entry.alerts)
    for row in entry.fields:
        yield f"{printable(row.label)}: {''.join(map(_text_part, row.parts))}"
    for row in entry.files:
        yield f"{row.kind} {printable(row.label)} ({''.join(map(_text_part, row.parts))})"
    for name, lines in entry.texts:
        yield f"{printable(name)}:"
        yield from (f"  {line.sign} {printable(line.text)}" for line in lines)


def _text_part(part: Part) -> str:
    before, after = _MARKS.get(part.kind, ("", ""))
    return f"{before}{printable(part.text)}{after}"


def _blocks(entries: Sequence[Entry], room: int) -> list[str]:
    """What fits: first each version in a line, then as many as fit in short, then in full; those with alerts first."""
    is_open = len(entries) <= _FEW
    order = sorted(range(len(entries)), key=lambda place: not entries[place].alerts)
    brief = {place: _brief(entries[place]) for place in order}
    shown: dict[int, str] = {}
    left = room - 200  # for the line that counts the rest
    for place in order:
        if len(brief[place]) < left:
            shown[place] = brief[place]
            left -= len(brief[place]) + 1
    for level in _LEVELS:
        for place in [place for place in order if place in shown]:
            block = _block(entries[place], *level, is_open=is_open or bool(entries[place].alerts))
            if len(block) - len(shown[place]) < left:
                left -= len(block) - len(shown[place])
                shown[place] = block
    rest = len(entries) - len(shown)
    blocks = [shown[place] for place in sorted(shown)]
    return [*blocks, f"And {count(rest, 'more version')}; `registry diff` shows all.\n"] if rest else blocks


def _brief(entry: Entry) -> str:
    alerts = "".join(f"; **{escape(shortened(alert, 100))}**" for alert in entry.alerts)
    return (
        f"- {code(entry.model)} {escape(shortened(entry.title, 200))}: {summary(entry) or 'see the change'}{alerts}\n"
    )


def _block(entry: Entry, rows: int, lines: int, *, is_open: bool) -> str:
    much = f" · {said}" if (said := summary(entry)) else ""
    head = f"<summary>{html_code(entry.model)} {escape(shortened(entry.title, 200))}{much}</summary>"
    parts = [f"<details{' open' if is_open else ''}>{head}\n"]
    parts += [f"> **!** {escape(shortened(alert, _LONGEST_ROW))}\n" for alert in entry.alerts]
    parts += [f"{entry.note}\n"] if entry.note else []
    parts += _table(_field_headings(entry.fields), entry.fields, rows, _field)
    parts += _table("| | file | |\n|---|---|---|\n", entry.files, rows, _file)
    for name, text in entry.texts:
        parts += [f"{code(shortened(name, _LONGEST_PART))}\n", fenced("\n".join(_diff(text, lines)), "diff")]
    return "\n".join([*parts, "</details>\n"])


def _table(heading: str, rows: Sequence[Row], most: int, render: Callable[[Row], str]) -> list[str]:
    if not rows:
        return []
    rest = f"\n{len(rows) - most:,} more; `registry diff` shows all.\n" if len(rows) > most else ""
    return [heading + "".join(map(render, rows[:most])) + rest]


def _field_headings(rows: Sequence[Row]) -> str:
    is_new = all(part.kind == "after" for row in rows for part in row.parts)
    return f"| field | {'value' if is_new else 'before → after'} |\n|---|---|\n"


def _field(row: Row) -> str:
    return f"| {code(shortened(row.label, _LONGEST_PART))} | {_parts(row.parts)} |\n"


def _file(row: Row) -> str:
    return f"| {row.kind} | {code(shortened(row.label, _LONGEST_PART))} | {_parts(row.parts)} |\n"


def _parts(parts: Iterable[Part]) -> str:
    left, shown = _LONGEST_ROW, list[str]()
    for part in parts:
        if left <= 0:
            return "".join([*shown, "…"])
        text = _middle_out(part.text, 90 if part.kind == "same" else _LONGEST_PART)
        shown.append(_part(part.kind, text))
        left -= len(text)
    return "".join(shown)


def _part(kind: str, text: str) -> str:
    if kind in ("before", "after"):
        return code(text)
    if kind in ("gone", "new"):
        return f"{'&#43;' if kind == 'new' else '&#45;'} {code(text)}"
    tag = _TAGS.get(kind)
    return f"<{tag}>{escape(text)}</{tag}>" if tag else escape(text) if kind == "same" else text


def _middle_out(text: str, most: int) -> str:
    """A long text by its ends: of one that stayed they are beside what changed, and values often differ there."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def _diff(lines: Sequence[Line], most: int) -> Iterator[str]:
    for line in lines[:most]:
        text = printable(shortened(line.text, _LONGEST_LINE))
        yield f"@@ {text} @@" if line.sign == "@" else f"{line.sign}{text}"
    if len(lines) > most:
        yield f"@@ {len(lines) - most:,} more lines @@"
