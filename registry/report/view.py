"""What a reader is told of a change, in words, before it is put into text, Markdown or HTML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal, NamedTuple

from registry.diff import Change, FieldChange, FileChange, TextChange
from registry.report.words import count, differing, number, size, value
from registry.wire import Json

_ALIKE = 0.5  # of two texts that are shown word by word; below it each is easier to read whole
_CONTEXT = 2  # lines around a change
_WORD = re.compile(r"\s+|[\w./@:+-]*\w|[^\w\s]")  # a name or a version is one word
_MOST_PAIRS = 4_000_000  # of words or lines, one of each side: the time that comparing may take
_LONG = 200  # characters of two values whose common beginning is left out
_KEPT = 40  # characters of it

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
    fields = sorted((f for f in change.fields if not _is_alert(f.field)), key=lambda f: ".args." in f.field)
    return Entry(
        model=str(change.model),
        title=_title(change),
        alerts=alerts,
        fields=tuple(_row(field) for field in fields),
        files=tuple(_file(file) for file in change.files),
        texts=tuple((text.name, tuple(lines_of(text))) for text in change.texts),
        note=_note(change, is_same=not alerts and not fields and not change.files),
    )


def summary(entry: Entry) -> str:
    """`2 fields, 1 file`: how much there is to read."""
    counts = ((len(entry.alerts) + len(entry.fields), "field"), (len(entry.files), "file"))
    return ", ".join(count(many, word) for many, word in counts if many)


def _title(change: Change) -> str:
    if is_gone(change):
        return "folder deleted; the version stays registered"
    other = change.compared_with
    if other is None:
        return f"{change.kind}, the first version" if change.kind == "added" else change.kind
    if other == change.model:
        return change.kind
    return f"{change.kind}, compared with {other.version if other.name == change.model.name else other}"


def is_gone(change: Change) -> bool:
    """Whether the folder is deleted, which removes nothing; to remove a version is written into its descriptor."""
    return change.kind == "removed" and not change.fields


def _note(change: Change, *, is_same: bool) -> str:
    if change.unreadable:
        side = {"before": "What was there before", "after": "It", "both": "Neither side"}[change.unreadable]
        can = "can" if change.unreadable == "both" else "cannot"
        why = "" if change.unreadable == "before" else "; `registry validate` says why"
        return f"{side} {can} be read{why}."
    return "No field and no file differs." if is_same and change.kind == "added" else ""


def _is_alert(field: str) -> bool:
    return field == "model_config.private" or field.startswith("lifecycle.")


def _alerts(change: Change) -> Iterator[str]:
    fields = {field.field: field for field in change.fields}
    private = fields.get("model_config.private")
    if private and private.after is False:
        yield "public: everyone may see it" if change.kind == "added" else "becomes public: everyone may see it"
    elif private and private.before is False:
        yield "becomes private: only those with a token see it"
    if said := "; ".join(_lifecycle(fields)):
        yield f"lifecycle: {said}"


def _lifecycle(fields: dict[str, FieldChange]) -> Iterator[str]:
    state = fields.get("lifecycle.state")
    if state and (state.before, state.after) not in ((None, "active"), ("active", None)):
        yield f"{state.before or 'active'} → {state.after or 'active'}"
        if state.after == "removed":
            yield "for ever: its name is never free again"
    for key, word in (("reason", "reason"), ("replaced_by", "replaced by")):
        if change := fields.get(f"lifecycle.{key}"):
            before = f"{change.before} → " if change.before else ""
            yield f"{word}: {before}{change.after or 'nothing'}"


def _row(change: FieldChange) -> Row:
    label = re.sub(r"^model_(config|metainfo)\.", "", change.field)
    return Row(label, tuple(_parts(change.field, change.before, change.after)))


def _parts(field: str, before: Any, after: Any) -> Iterator[Part]:
    if isinstance(before, list) and isinstance(after, list) and (elements := list(_elements(before, after))):
        yield from elements
    elif isinstance(before, str) and isinstance(after, str) and (words := _words(before, after)):
        yield from words
    elif field == "model_metainfo.num_params":
        yield from _numbers(before, after)
    else:
        yield from _arrow(*(None if side is None else value(side) for side in (before, after)))


def _arrow(before: str | None, after: str | None) -> Iterator[Part]:
    if before is not None and after is not None:
        before, after = _from_difference(before, after)
    if before is not None:
        yield Part("before", before)
        yield Part("plain", " → ")
    yield Part("after", after) if after is not None else Part("plain", "nothing")


def _from_difference(before: str, after: str) -> tuple[str, str]:
    """Two long values that begin alike, from shortly before they differ: cut at their end they would look the same."""
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))) - _KEPT
    if min(len(before), len(after)) <= _LONG or alike <= 0:
        return before, after
    return f"…{before[alike:]}", f"…{after[alike:]}"


def _numbers(before: Any, after: Any) -> Iterator[Part]:
    if type(before) is int and type(after) is int and before:
        yield from _arrow(*differing(number, before, after))
        if (ratio := _ratio(after / before)) != "1":
            yield Part("plain", f" (×{ratio})")
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
    if not _is_prose(old, new):
        return []
    parts: list[Part] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(Part("same", "".join(old[i:j])))
            continue
        parts += [Part("out", "".join(old[i:j]))] if i < j else []
        parts += [Part("in", "".join(new[k:m]))] if k < m else []
    return parts


def _is_prose(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether these words, blanks among them, are of texts of which enough stayed to be shown as one."""
    one, other = ([word for word in side if not word.isspace()] for side in (old, new))
    if len(one) < 3 or len(old) * len(new) > _MOST_PAIRS:
        return False
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _file(change: FileChange) -> Row:
    parts = {"renamed": _renamed, "moved": _moved}.get(change.kind, _changed)(change)
    return Row(change.target, tuple(parts), change.kind)


def _renamed(change: FileChange) -> Iterator[Part]:
    yield from (Part("plain", "was "), Part("before", change.former or ""), Part("plain", ", the same bytes"))


def _moved(change: FileChange) -> Iterator[Part]:
    yield from _places(change.before or {}, change.after or {})
    yield Part("plain", ", the same bytes")


def _changed(change: FileChange) -> Iterator[Part]:
    """The sizes, and where a remote file comes from."""
    if change.before is None or change.after is None:
        side = change.before or change.after or {}
        yield Part("plain", size(side.get("size")))
        if side.get("url"):
            yield from (Part("plain", " from "), Part("after", side["url"]))
        return
    before, after = change.before.get("size"), change.after.get("size")
    if type(before) is int and type(after) is int and before != after:
        yield from _arrow(*differing(size, before, after))
    else:
        known = "other bytes" if before == after and before is not None else "bytes not known"
        yield Part("plain", f"{size(before if before is not None else after)}, {known}")
    if change.before.get("url") != change.after.get("url"):
        yield Part("plain", ", ")
        yield from _places(change.before, change.after)


def _places(before: Json, after: Json) -> Iterator[Part]:
    return _arrow(*(side.get("url") or "in git" for side in (before, after)))


def lines_of(text: TextChange) -> Iterator[Line]:
    """What differs in a text, with some lines around it."""
    old, new = text.before.splitlines(), text.after.splitlines()
    if old == new:
        yield Line("@", "only the ends of lines differ")
        return
    if len(old) * len(new) > _MOST_PAIRS:
        yield Line("@", f"{len(old):,} lines became {len(new):,}, too many to compare here")
        return
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT):
        if group[0][3]:
            yield Line("@", f"line {group[0][3] + 1}")
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (Line(" ", line) for line in old[i:j])
            else:
                yield from (Line("-", line) for line in old[i:j])
                yield from (Line("+", line) for line in new[k:m])
