"""How the versions of a pull request ended after it was merged, for the comment on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from registry.identity import ModelId, parse_model_id
from registry.report.markup import code, escape, inline
from registry.report.words import count, shortened

_BAD = ("refused", "failed")
_PENDING, _UNCHANGED = "pending", "unchanged"
_ROOM = 50_000  # characters for the rows: GitHub takes 65,536 in a comment
_HEADINGS = "| version | how it ended | why |\n|---|---|---|\n"
_MOST_FINDINGS = 10  # of a version


@dataclass(frozen=True)
class Ending:
    """What a report of `registry reconcile` says: how each version ended, as that command's JSON has it."""

    commit: str
    converged: str | None
    note: str
    versions: Mapping[ModelId, Mapping[str, Any]]
    waiting: Collection[ModelId]
    counts: Mapping[str, int]

    def of(self, model: ModelId) -> str:
        """How a version ended: an outcome, or `pending` where the run did not come to it."""
        if found := self.versions.get(model):
            return str(found["outcome"])
        return _PENDING if model in self.waiting else _UNCHANGED

    @property
    def is_good(self) -> bool:
        """Whether nothing was refused, nothing failed and nothing waits."""
        return not self.waiting and not any(self.counts[outcome] for outcome in _BAD)

    @property
    def verdict(self) -> str:
        """How all of them ended, in a line."""
        said = [f"{number} {outcome}" for outcome, number in self.counts.items() if number]
        return ", ".join([*said, *([f"{len(self.waiting)} pending"] if self.waiting else [])]) or "no versions"


def parse_ending(text: bytes) -> Ending | None:
    """The report of a run; None where it ended before it had written one."""
    try:
        found = json.loads(text)
        return Ending(
            commit=found["commit"],
            converged=found["converged"],
            note=found["note"],
            versions={_model(version["model"]): version for version in found["versions"]},
            waiting=frozenset(map(_model, found["waiting"])),
            counts=found["counts"],
        )
    except (ValueError, KeyError, TypeError):
        return None


def render_markdown(models: Collection[ModelId], ending: Ending | None, url: str | None) -> str:
    """Verdict, a row for each version of the pull request, and the next step; nothing in it is markup of strangers."""
    log = f"\n<sub>[log]({url})</sub>\n" if url else ""
    if ending is None:
        said = "not registered: the run after the merge ended before it could begin"
        return f"**{said}**\n\nNext: see its log; the next run tries again.\n{log}"
    rows, room = [], _ROOM
    for model in sorted(models):
        row = _row(model, ending)
        if (room := room - len(row)) < 0:
            break
        rows.append(row)
    more = f"\n{count(len(models) - len(rows), 'more version')}.\n" if len(rows) < len(models) else ""
    return f"**{_verdict(models, ending)}**\n\n{_HEADINGS}{''.join(rows)}{more}{_next(models, ending)}{log}"


def _verdict(models: Collection[ModelId], ending: Ending) -> str:
    counts = Counter(map(ending.of, models))
    word = "failed" if any(counts[bad] for bad in _BAD) else "pending" if counts[_PENDING] else "ok"
    return f"{word}: {', '.join(f'{number} {outcome}' for outcome, number in sorted(counts.items()))}"


def _row(model: ModelId, ending: Ending) -> str:
    found = ending.versions.get(model, {})
    why = [found.get("note", "")]
    if found.get("outcome") in (*_BAD, "missing"):
        findings = found.get("findings", ())
        said = [f"`{one['rule']}` {one['message']}" for one in findings[:_MOST_FINDINGS]]
        why = [found["reason"], *said, found.get("hint", ""), *why]
    words = "<br>".join(inline(shortened(sentence, 500)) for sentence in why if sentence)
    return f"| {code(str(model))} | {escape(ending.of(model))} | {words} |\n"


def _next(models: Collection[ModelId], ending: Ending) -> str:
    bad = [ending.versions[model] for model in models if ending.of(model) in _BAD]
    if any(not one["retryable"] for one in bad):
        return "\nNext: mend what is named in another pull request.\n"
    if bad or any(ending.of(model) == _PENDING for model in models):
        return "\nNext: nothing; the next run tries again.\n"
    return ""


def _model(text: str) -> ModelId:
    model = parse_model_id(text)
    if model is None:
        raise ValueError(text)
    return model
