"""YAML 1.2 core with the place of every node, for files written by strangers.

Built from parser events, because libyaml's own composer recurses and its documents may refer to themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from registry.finding import Finding, Place
from registry.identity import UNPRINTABLE
from registry.lines import place_at, with_line_feeds
from registry.nodes import BEGINNINGS, Entry, Node, parse_scalar
from registry.tree import MAX_BYTES

MAX_DEPTH = 20
MAX_KEY = 1024  # characters: what YAML allows for a key without `?`; each finding below a key repeats it

_MARKERS = tuple(mark * 7 for mark in "<=>|")
_CONFLICT = re.compile(r"^(?:(?:<{7}|>{7}|\|{7})(?: |\r?$)|={7}\r?$)", re.MULTILINE)
_TABBED = re.compile(r"^[ ]*(?=\t[ \t]*[^ \t\r\n])", re.MULTILINE)
_BOM = "\ufeff"
_BREAKS = dict.fromkeys((0x85, 0x2028, 0x2029), " ")  # control characters that YAML 1.1 takes for ends of lines
_MOST = 20  # findings of one kind that say the same of many places
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(slots=True)
class _Reader:
    """Events to nodes, without recursion; what is wrong is collected and reading goes on where it can."""

    path: str
    text: str
    findings: list[Finding] = field(default_factory=list)
    blocks: list[range] = field(default_factory=list)  # lines of literal and folded scalars

    def report(self, rule: str, event: Any, message: str) -> None:
        mark = event.start_mark
        self.findings.append(Place(self.path, mark.line + 1, mark.column + 1).finding(rule, message))

    def check_depth(self, event: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.stop("too-deep", event, f"nests deeper than {MAX_DEPTH} levels. Flatten it")

    def stop(self, rule: str, event: Any, message: str) -> NoReturn:
        self.report(rule, event, message)
        raise _StoppedError


class _StoppedError(Exception):
    """Reading cannot go on, for a reason that is reported."""


def parse_yaml(path: str, data: bytes) -> tuple[Node | None, list[Finding]]:
    """The document in `data` as nodes, and what is wrong with its writing; no node where it cannot be read."""
    text, findings = _decode(path, data)
    if text is None:
        return None, findings
    reader = _Reader(path, text, findings)
    root = _read(reader, text if text.isascii() else text.translate(_BREAKS))
    if "\t" in text:
        _report_tabs(reader)
    return (None if any(f.rule in _FATAL for f in reader.findings) else root), reader.findings


_FATAL = {"too-deep", "anchor", "yaml-syntax", "several-documents", "conflict-marker", "tab-indentation", "tag"}
_FATAL |= {"wrong-type"}  # of a key


def too_large(path: str, size: int) -> Finding:
    """The finding for a file of `size` bytes that is not read at all."""
    message = f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read. Move long texts to the index page"
    return Place(path).finding("descriptor-too-large", message)


def is_lfs_pointer(data: bytes) -> bool:
    """Whether the bytes stand in for a file kept in Git LFS."""
    return data.startswith(_LFS_POINTER)


def _decode(path: str, data: bytes) -> tuple[str | None, list[Finding]]:
    if len(data) > MAX_BYTES:
        return None, [too_large(path, len(data))]
    if is_lfs_pointer(data):
        advice = "Take `model.yaml` out of LFS: `git lfs untrack` and add it again"
        message = f"the file is a Git LFS pointer, not a descriptor. {advice}"
        return None, [Place(path).finding("lfs-pointer", message)]
    try:
        text = with_line_feeds(data.decode())
    except UnicodeDecodeError as error:
        return None, [_undecodable(path, data, error.start)]
    findings = [_byte_order_mark(path)] if text.startswith(_BOM) else []
    text = text.removeprefix(_BOM)  # which the parser's columns do not count either
    return text, [*findings, *_character_findings(path, text)]


def _undecodable(path: str, data: bytes, start: int) -> Finding:
    before = with_line_feeds(data[:start].decode()).removeprefix(_BOM)
    message = f"byte 0x{data[start]:02x} is not UTF-8. Save the file as UTF-8"
    return _at(path, before, len(before)).finding("invalid-utf8", message)


def _byte_order_mark(path: str) -> Finding:
    message = "the file starts with a byte order mark. Save it as UTF-8 without BOM"
    return Place(path).finding("byte-order-mark", message)


def _character_findings(path: str, text: str) -> Iterator[Finding]:
    is_plain = text.isascii() and text.replace("\n", "").isprintable()  # seen faster than the place of what is not
    for match in () if is_plain else islice(UNPRINTABLE.finditer(text), _MOST):
        message = f"U+{ord(match.group()):04X} is a control or bidirectional character. Take it out"
        yield _at(path, text, match.start()).finding("control-character", message)
    has_marker = any(marker in text for marker in _MARKERS)  # found faster than its place in a line
    for match in islice(_CONFLICT.finditer(text), _MOST) if has_marker else ():
        message = f"`{match.group().strip()}` is left of a merge. Keep one side and take the markers out"
        yield _at(path, text, match.start()).finding("conflict-marker", message)


def _at(path: str, text: str, index: int) -> Place:
    return Place(path, *place_at(text, index))


def _report_tabs(reader: _Reader) -> None:
    """Tabs that indent; the parser's own complaint about what they broke gives way to ours, at the tab."""
    message = "a tab indents this line. Use spaces"
    tabs = [place.finding("tab-indentation", message) for place in islice(_tabbed_places(reader), _MOST)]
    if tabs:
        reader.findings[:] = [f for f in reader.findings if f.rule != "yaml-syntax" or f.line < tabs[0].line] + tabs


def _tabbed_places(reader: _Reader) -> Iterator[Place]:
    inside = {line for block in reader.blocks for line in block}
    line, counted = 1, 0
    for match in _TABBED.finditer(reader.text):
        line += reader.text.count("\n", counted, match.start())
        counted = match.start()
        if line not in inside:
            yield Place(reader.path, line, len(match.group()) + 1)


def _read(reader: _Reader, text: str) -> Node | None:
    import yaml  # not needed by those who only want the types of this module

    try:
        return _build(reader, yaml.CSafeLoader(text))
    except _StoppedError:
        return None
    except yaml.MarkedYAMLError as error:
        if not any(f.rule == "conflict-marker" for f in reader.findings):
            reader.findings.append(_syntax_finding(reader.path, text, error))
    except yaml.YAMLError as error:  # the reader's complaint about a character has no mark
        if not reader.findings:
            message = f"this is not YAML: {str(error).splitlines()[0]}. Take the character out"
            reader.findings.append(Place(reader.path).finding("yaml-syntax", message))
    return None


def _syntax_finding(path: str, text: str, error: Any) -> Finding:
    """Where the problem is, or where what it broke began: one of them is in the file, the other may be after it."""
    written, context, problem = text.rstrip(), error.context_mark, error.problem_mark
    message = f"{' '.join(filter(None, (error.context, error.problem)))}. Correct this line or the one before"
    marks = [mark for mark in (problem, context) if mark is not None and mark.index < len(written)]
    if context is not None and problem.line > context.line and error.context in _BEGUN:
        marks = [context]
        message = _BEGUN[error.context].format(line=problem.line + 1)
    index = marks[0].index if marks else max(len(written) - 1, 0)
    return _at(path, text, index).finding("yaml-syntax", f"this is not YAML: {message}")


_NOT_CLOSED = "what begins here is not closed, or lacks a comma, before line {line}. Add what is missing"
_BEGUN = {  # what is seen to be wrong on a later line only
    "while parsing a flow sequence": _NOT_CLOSED,
    "while parsing a flow mapping": _NOT_CLOSED,
    "while scanning a simple key": "a `:` is missing here. Write `key: value`",
}


def _build(reader: _Reader, parser: Any) -> Node | None:
    """The root of the one document; None where there is none.

    Whole trees are read through this loop, so it does with few calls what it does for each node.
    """
    import yaml

    roots: list[Node] = []
    parent: Any = roots  # the innermost open collection: a list, or a dict whose key may wait for its value
    key, name = None, None  # the key's event, and what it says
    outer: list[tuple[Any, Any, Any]] = []  # the same of the collections around it
    scalar, mapping, get_event = yaml.ScalarEvent, yaml.MappingStartEvent, parser.get_event
    nodes, ends = (scalar, mapping, yaml.SequenceStartEvent), (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    while (kind := type(event := get_event())) is not yaml.StreamEndEvent:
        if kind in nodes:
            if event.anchor is not None or event.tag is not None:
                _refuse(reader, event)
            value: Any = (
                ({} if kind is mapping else [])
                if kind is not scalar
                else event.value
                if event.implicit[0] and event.value[:1] not in BEGINNINGS
                else _value(reader, event)
            )
            if type(parent) is list:
                parent.append(Node(value, event))
            elif key is None:
                key, name = event, value
            else:
                entry, key = Entry(value, event, key), None
                if type(name) is str and name not in parent and name != "<<" and len(name) <= MAX_KEY:
                    parent[name] = entry
                else:
                    _enter(reader, parent, name, entry)
            if kind is not scalar:
                outer.append((parent, key, name))
                parent, key = value, None
                reader.check_depth(event, len(outer))
        elif kind in ends:
            parent, key, name = outer.pop()
        elif kind is yaml.AliasEvent or (kind is yaml.DocumentStartEvent and roots):
            _refuse(reader, event)
    return roots[0] if roots else None


def _refuse(reader: _Reader, event: Any) -> NoReturn:
    """Report an anchor, alias, tag or second document; reading cannot go on after an alias, so it stops at any."""
    kind = type(event).__name__
    if kind == "DocumentStartEvent":
        reader.stop("several-documents", event, "a second document starts here. Keep one")
    if event.anchor is not None:
        what = "alias" if kind == "AliasEvent" else "anchor"
        reader.stop("anchor", event, f"`{event.anchor}` is an {what}. Write the value out in each place")
    tag = event.tag.replace("tag:yaml.org,2002:", "!!")
    reader.stop("tag", event, f"`{tag}` is a YAML tag. Take it out: types follow from the keys")


def _value(reader: _Reader, event: Any) -> str | None:
    """What a scalar says."""
    text: str = event.value
    if not text and event.start_mark.index == len(reader.text):
        event.start_mark = event.end_mark = _end_of(reader.text)
    if event.implicit[0]:
        return parse_scalar(text)
    if event.style in "|>":
        reader.blocks.append(range(event.start_mark.line + 2, event.end_mark.line + 2))
    elif event.style == '"' and (hidden := _escaped(reader, event)):
        message = f"an escape stands for U+{ord(hidden.group()):04X}, a control character. Take it out"
        reader.report("control-character", event, message)
    return text


def _end_of(text: str) -> Any:
    """The end of the file, where the parser puts what is missing there one line below."""
    import yaml

    return yaml.Mark("", len(text), text.count("\n"), len(text) - text.rfind("\n") - 1, None, 0)


def _escaped(reader: _Reader, event: Any) -> re.Match[str] | None:
    """A control character that an escape stands for; one that stands in the file itself is reported already."""
    hidden = UNPRINTABLE.search(event.value)
    is_visible = hidden and UNPRINTABLE.search(reader.text, event.start_mark.index, event.end_mark.index)
    return None if is_visible else hidden


def _enter(reader: _Reader, mapping: dict[str, Entry], name: Any, entry: Entry) -> None:
    """Put a value under its key; the first of two stays."""
    name = _key_name(reader, name, entry)
    if name is None:
        return
    if name in mapping:
        message = f"`{name}` stands here and in line {mapping[name].key.line}. Keep one of the two"
        reader.findings.append(_at_key(reader, entry, name).finding("duplicate-key", message, found=name))
    else:
        mapping[name] = entry


def _key_name(reader: _Reader, name: Any, entry: Entry) -> str | None:
    if isinstance(name, str):
        if len(name) > MAX_KEY:
            message = f"a key has {len(name):,} characters; at most {MAX_KEY:,} are read. Shorten it"
            reader.stop("wrong-value", entry.key_event, message)
        if name == "<<":
            reader.findings.append(_at_key(reader, entry).finding("anchor", "`<<` is a merge key. Write the keys out"))
        return str(name)
    if name is None:
        return ""
    message = "a list or mapping is used as a key. Use text"
    reader.findings.append(_at_key(reader, entry).finding("wrong-type", message))
    return None


def _at_key(reader: _Reader, entry: Entry, name: str = "") -> Place:
    return Place(reader.path, entry.key.line, entry.key.column, name)
