"""Fixes: what findings ask for, where it can be computed, as changes of the descriptor's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.checks.keys import homes_of, known_keys, split
from registry.digests import Digest
from registry.edits.changes import Change, Move, Pin, Rename, Replace, TakeOut, apply_changes
from registry.edits.characters import fix_characters
from registry.edits.splices import Keys, node_at
from registry.finding import Finding, Severity
from registry.nodes import Node
from registry.snapshot import Version

_KEY_IS_WRONG = {"unknown-key", "invalid-target"}
_FIX_IS_YAML = {"wrong-type", "num-params-wrong", "num-params-near"}  # a number, a truth value, a list


class Fixed(NamedTuple):
    """A descriptor's text after its fixes, and the findings that these mend."""

    text: str
    findings: Sequence[Finding]


def fix_text(version: Version, text: str, findings: Sequence[Finding], pins: Mapping[str, Digest]) -> Fixed:
    """What the version's descriptor says, with the fixes of its findings; `pins` are those known, by URL."""
    own = [finding for finding in findings if finding.path == version.path]
    repaired, mended = fix_characters(text, own)
    if mended or version.node is None:
        return Fixed(repaired, mended)
    places = _Places.of(version.node)
    changes: dict[Change, Finding] = {}
    for finding in own:
        if (change := _change(version, places, finding, pins)) is not None:
            changes.setdefault(change, finding)
    new, done = apply_changes(text, version.node, list(changes))
    return Fixed(new, [changes[change] for change in done])


class Result(NamedTuple):
    """How one descriptor ended: the findings that its fixes mend, and what changes; or why nothing does."""

    path: str
    mended: Sequence[Finding] = ()
    diff: Sequence[str] = ()  # lines, secrets left out
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Outcomes:
    """How a run ended: the descriptors with fixes, and what is wrong with all that was judged after them."""

    results: Sequence[Result]
    left: Sequence[Finding]
    judged: int  # versions
    is_written: bool

    @property
    def mended(self) -> int:
        """How many findings are no more."""
        return sum(len(result.mended) for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 nothing is wrong any more, 1 somebody's turn."""
        has_errors = any(finding.severity == Severity.ERROR for finding in self.left)
        return int(has_errors or any(result.reason for result in self.results))


class _Places(NamedTuple):
    """The keys and the values of a descriptor by line and column."""

    keys: Mapping[tuple[int, int], Keys]
    values: Mapping[tuple[int, int], Keys]  # scalars and lists: a mapping may begin where its first key does

    @classmethod
    def of(cls, root: Node) -> _Places:
        keys: dict[tuple[int, int], Keys] = {}
        values: dict[tuple[int, int], Keys] = {}
        waiting: list[tuple[Keys, Node]] = [((), root)]
        while waiting:
            path, node = waiting.pop()
            if isinstance(node.value, dict):
                for name, entry in node.value.items():
                    keys[entry.key.line, entry.key.column] = (*path, name)
                    waiting.append(((*path, name), entry))
                continue
            values[node.line, node.column] = path
            if isinstance(node.value, list):
                waiting += [((*path, index), item) for index, item in enumerate(node.value)]
        return cls(keys, values)


def _change(version: Version, places: _Places, finding: Finding, pins: Mapping[str, Digest]) -> Change | None:
    """The change that a finding asks for; None where only a person knows it."""
    place, rule, fix = (finding.line, finding.column), finding.rule, finding.fix
    key, value = places.keys.get(place), places.values.get(place)
    if rule == "misplaced-key":
        return _move(version, key) if key else None
    if rule == "repeated-identity":
        return TakeOut(key) if key else None
    if rule in _KEY_IS_WRONG:
        return Rename(key, fix) if key and fix and fix not in version.keys(*map(str, key[:-1])) else None
    if rule == "pin-missing":
        return _pin(version, finding.field.removeprefix("model_files."), pins)
    if rule == "wrong-value" and fix is None:
        return TakeOut(value) if value and _is_repeated(version, value) else None
    return _replace(version, value, fix, is_yaml=rule in _FIX_IS_YAML) if value and fix is not None else None


def _move(version: Version, keys: Keys) -> Change | None:
    """To the one mapping that a key belongs to; out of here where it says the same there."""
    key, homes = str(keys[-1]), homes_of(version, str(keys[-1]), ".".join(map(str, keys[:-1])))
    home = split(homes[0])
    there = version.keys(*home)
    if len(homes) != 1 or not there:
        return None
    if key not in there:
        return Move(keys, (*home, key), tuple(known_keys(homes[0])))
    here = version.text(*map(str, keys))
    return TakeOut(keys) if here is not None and here == version.text(*home, key) else None


def _pin(version: Version, target: str, pins: Mapping[str, Digest]) -> Change | None:
    pin = pins.get(version.source(target) or "")
    return Pin(("model_files", target), pin) if pin else None


def _replace(version: Version, keys: Keys, fix: str, *, is_yaml: bool) -> Change | None:
    value = node_at(version.node, keys).value if version.node else None
    return Replace(keys, fix, is_yaml) if isinstance(value, str) and (is_yaml or value != fix) else None


def _is_repeated(version: Version, keys: Keys) -> bool:
    """Whether an item of a list stands in it before."""
    *above, index = keys
    texts = version.texts(*map(str, above)) if isinstance(index, int) else []
    return any(text == version.value(*keys) for before, text in texts if isinstance(index, int) and before < index)
