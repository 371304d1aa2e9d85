"""The audit log as text, Markdown and JSON: in pieces, so that the newest is read before the oldest is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from textwrap import indent
from typing import TYPE_CHECKING, Any

from registry.report.changes import details, title
from registry.report.json import FORMAT
from registry.report.markup import code, escape, inline
from registry.report.view import make_entry
from registry.report.words import count, printable

if TYPE_CHECKING:
    from registry.chronicle import Entry, Log, Registered

_MOST = 60_000  # characters: GitHub cuts a comment off at 65,536
_NOTHING = "no field and no file differs for a reader of the models"


def render_text(log: Log) -> Iterator[str]:
    """What is shown, then each entry, then how many there are and what is lacking."""
    yield f"{_title(log)}\n"
    number = 0
    for number, entry in enumerate(log.entries, 1):  # noqa: B007 - it is the count afterwards
        shown = make_entry(entry.change)
        lines = [*(list(details(shown)) or [_NOTHING]), *_about(entry)]
        yield f"\n{printable(entry.time)} {title(shown)}\n" + "".join(f"    {line}\n" for line in lines)
    yield "".join(f"{line}\n" for line in ["", _counted(number), *_lacking(log)])


def render_markdown(log: Log) -> Iterator[str]:
    """The same as a page, which ends where it would be too long for a comment."""
    yield f"**{escape(_title(log))}**\n"
    room, number = _MOST, 0
    for number, entry in enumerate(log.entries, 1):
        piece = _markdown(entry)
        room -= len(piece)
        if room < 0:
            yield "\nThe page ends here, since a longer one is cut off; `--format text` shows all.\n"
            number -= 1
            break
        yield piece
    yield "".join(f"\n{escape(line)}\n" for line in [_counted(number), *_lacking(log)])


def render_json(log: Log) -> Iterator[str]:
    """`{format, commit, model, entries, problems}`."""
    head = {"format": FORMAT, "commit": log.commit, "model": log.about or None}
    yield f'{json.dumps(head, indent=2)[:-2]},\n  "entries": ['
    for number, entry in enumerate(log.entries):
        yield ("," if number else "") + "\n" + indent(json.dumps(_json(entry), indent=2), "    ")
    problems = [{"message": str(problem), "hint": problem.hint or None} for problem in log.problems]
    yield f'\n  ],\n  "problems": {indent(json.dumps(problems, indent=2), "  ").lstrip()}\n}}\n'


def _title(log: Log) -> str:
    return f"{printable(log.about) or 'all models'} up to {log.commit[:12]}, the newest change first"


def _counted(number: int) -> str:
    return count(number, "entry") if number else "nothing changed"


def _lacking(log: Log) -> Iterator[str]:
    for problem in log.problems:
        yield f"lacking: {printable(str(problem))}"
        if problem.hint:
            yield f"hint: {printable(problem.hint)}"


def _about(entry: Entry) -> list[str]:
    """By whom and from where, then what receipts say."""
    merged = f", merged by {printable(entry.merged_by)}" if entry.merged_by else ""
    pull_request = f" in pull request #{entry.pull_request}" if entry.pull_request else ""
    return [f"by {printable(entry.author)}{pull_request}{merged}, commit {entry.commit[:12]}", *_registered(entry)]


def _registered(entry: Entry) -> list[str]:
    if entry.pending:
        return [f"pending since {printable(entry.pending)}"]
    if entry.records == () and not entry.is_same:
        return ["not registered" if entry.is_latest else "not registered: a later change took its place"]
    return [_receipt(record) for record in entry.records or ()]


def _receipt(record: Registered) -> str:
    run = f" by {printable(record.run)}" if record.run else ""
    return f"{printable(record.outcome)} {printable(record.time)}{run}"


def _markdown(entry: Entry) -> str:
    shown = make_entry(entry.change)
    quoting = inline if entry.change.unreadable else escape  # what strangers wrote is in no backticks of ours
    items = [quoting(line) for line in details(shown)] or [_NOTHING]
    about = "  \n".join(map(escape, _about(entry)))
    head = f"{escape(entry.time)} **{code(shown.model)} {escape(shown.title)}**"
    return f"\n---\n\n{head}\n\n{about}\n\n" + "".join(f"- {item}\n" for item in items)


def _json(entry: Entry) -> dict[str, Any]:
    change = asdict(entry.change)
    first, *later = entry.records or (None,)
    return {
        "model": str(entry.change.model),
        "commit": entry.commit,
        "time": entry.time,
        "author": entry.author,
        "committer": entry.committer,
        "merged_by": entry.merged_by,
        "pull_request": entry.pull_request,
        "action": entry.change.kind,
        "compared_with": str(entry.change.compared_with) if entry.change.compared_with else None,
        "fields": change["fields"],
        "files": change["files"],
        "unreadable": entry.change.unreadable is not None,
        "registered": first._asdict() if first else None,
        "repaired": [record._asdict() for record in later if record],
        "pending": entry.pending,
    }
