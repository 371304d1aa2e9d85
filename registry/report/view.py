"""What a reader is told of a change, in words, before it is put into text, Markdown or HTML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from registry.diff import Change, FieldChange, FileChange, TextChange
from registry.report.words import count, differing, number, size, value

_ALIKE = 0.5  # of two texts that are shown word by word; below it each is easier to read whole
_CONTEXT = 2  # lines around a change
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

Kind = Literal["plain", "same", "before", "after", "out", "in", "gone", "new"]


class Part(NamedTuple):
    """A piece of a line: our words, a value before or after, words that went out of a text that stayed or came into it,
    or an element of a list that is gone or new.
    """

    kind: Kind
    text: str


class Row(NamedTuple):
    """One thing that changed: what it is, and how."""

    label: str
    parts: tuple[Part, ...]
    kind: str = ""  # of a file: added, changed, …


class Line(NamedTuple):
    """A line of a text: `+` came, `-` went, blank stayed, `@` where lines are left out."""

    sign: str
    text: str


@dataclass(frozen=True)
class Entry:
    """What changed in one version."""

    model: str
    title: str  # `added, compared with 1.0`
    alerts: tuple[str, ...]  # what nobody should overlook: who may see it, and whether it may be used
    fields: tuple[Row, ...]
    files: tuple[Row, ...]
    texts: tuple[tuple[str, tuple[Line, ...]], ...]  # by name
    note: str = ""


def make_entry(change: Change) -> Entry:
    """The change as people read it; all texts are as strangers wrote them."""
    alerts = tuple(_alerts(change))
    fields = [field for field in change.fields if not _is_alert(field.field)]
    note = _note(change)
    return Entry(
        model=str(change.model),
        title=_title(change),
        alerts=alerts,
        fields=tuple(_row(field) for field in fields),
        files=tuple(_file(file) for file in change.files),
        texts=tuple((text.name, tuple(lines_of(text))) for text in change.texts),
        note=note,
    )


def summary(entry: Entry) -> str:
    """`2 fields, 1 file`: how much there is to read."""
    counts = ((len(entry.alerts) + len(entry.fields), "field"), (len(entry.files), "file"))
    return ", ".join(count(many, word) for many, word in counts if many)


def _title(change: Change) -> str:
    if change.kind == "removed" and not change.fields:
        return "its folder is gone: nothing is removed"
    other = change.compared_with
    if other is None:
        return f"{change.kind}, the first version" if change.kind == "added" else change.kind
    if other == change.model:
        return change.kind
    return f"{change.kind}, compared with {other.version if other.name == change.model.name else other}"


def _note(change: Change) -> str:
    if change.unreadable:
        return "A side cannot be read; `registry validate` says why."
    is_same = change.kind == "added" and change.compared_with and not change.fields and not change.files
    return "No field and no file differs." if is_same else ""


def _is_alert(field: str) -> bool:
    return field == "model_config.private" or field.startswith("lifecycle.")


def _alerts(change: Change) -> Iterator[str]:
    fields = {field.field: field for field in change.fields}
    private = fields.get("model_config.private")
    if private and private.after is False:
        yield "public: everyone may see it" if change.kind == "added" else "becomes public: everyone may see it"
    elif private and private.before is False:
        yield "becomes private: only those with a token see it"
    if any(name.startswith("lifecycle.") for name in fields) and (said := _lifecycle(fields)):
        yield said


def _lifecycle(fields: dict[str, FieldChange]) -> str:
    state, reason, other = (fields.get(f"lifecycle.{key}") for key in ("state", "reason", "replaced_by"))
    said = []
    if state:
        is_first = state.before in (None, "active") and state.after == "active"
        said += [] if is_first else [f"{state.before or 'active'} → {state.after or 'active'}"]
    said += [f"reason: {reason.after}"] if reason and reason.after else []
    said += [f"replaced by: {other.after}"] if other and other.after else []
    return "lifecycle: " + "; ".join(said) if said else ""


def _row(change: FieldChange) -> Row:
    label = re.sub(r"^model_(config|metainfo)\.", "", change.field)
    return Row(label, tuple(_parts(change.field, change.before, change.after)))


def _parts(field: str, before: Any, after: Any) -> Iterator[Part]:
    if isinstance(before, list) and isinstance(after, list) and (elements := list(_elements(before, after))):
        yield from elements
    elif isinstance(before, str) and isinstance(after, str) and (words := _words(before, after)):
        yield from words
    elif field.endswith("num_params"):
        yield from _numbers(before, after)
    else:
        yield from _arrow(*(None if side is None else value(side) for side in (before, after)))


def _arrow(before: str | None, after: str | None) -> Iterator[Part]:
    if before is not None:
        yield Part("before", before)
        yield Part("plain", " → ")
    yield Part("after", after) if after is not None else Part("plain", "nothing")


def _numbers(before: Any, after: Any) -> Iterator[Part]:
    if type(before) is int and type(after) is int and before:
        yield from _arrow(*differing(number, before, after))
        yield Part("plain", f" (×{_ratio(after / before)})")
    else:
        yield from _arrow(*(number(side) if type(side) is int else None for side in (before, after)))


def _ratio(of: float) -> str:
    return number(of) if of >= 100 else f"{of:.3g}"


def _elements(before: Sequence[Any], after: Sequence[Any]) -> Iterator[Part]:
    """What a list lost and got; nothing where only the order differs."""
    changes = [Part("gone", str(item)) for item in before if item not in after]
    changes += [Part("new", str(item)) for item in after if item not in before]
    for index, part in enumerate(changes):
        if index:
            yield Part("plain", " ")
        yield part


def _words(before: str, after: str) -> list[Part]:
    """One text with the words that went and came; nothing where little stayed."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if len(old) < 3 or matcher.ratio() < _ALIKE:
        return []
    parts: list[Part] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            parts.append(Part("same", "".join(old[i:j])))
            continue
        parts += [Part("out", "".join(old[i:j]))] if i < j else []
        parts += [Part("in", "".join(new[k:m]))] if k < m else []
    return parts


def _file(change: FileChange) -> Row:
    sides = [side for side in (change.before, change.after) if side is not None]
    sizes = [side.get("size") for side in sides]
    parts: Iterable[Part]
    if change.kind == "renamed":
        parts = (Part("plain", "was "), Part("before", change.former or ""), Part("plain", ", the same bytes"))
    elif change.kind == "moved":
        moved = _arrow(*(side.get("url") or "in git" for side in sides))
        parts = (*moved, Part("plain", ", the same bytes"))
    elif len(sizes) == 2 and sizes[0] == sizes[1]:
        parts = (Part("plain", f"{size(sizes[0])}, other bytes"),)
    elif len(sizes) == 2 and all(type(one) is int for one in sizes):
        parts = tuple(_arrow(*differing(size, int(sizes[0] or 0), int(sizes[1] or 0))))
    else:
        parts = (Part("plain", " → ".join(size(one) for one in sizes)),)
    return Row(change.target, tuple(parts), change.kind)


def lines_of(text: TextChange) -> Iterator[Line]:
    """What differs in a text, with some lines around it."""
    old, new = text.before.splitlines(), text.after.splitlines()
    for line in list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]:
        yield Line(line[0], line[1:] if line[0] != "@" else "…")
