"""The reviewer's page: the verdict, what is wrong, what changes, what merging does, and who has to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from registry.plan import Item
from registry.report import changes, text
from registry.report.json import counts_of, dump
from registry.report.markdown import render_tables
from registry.report.markup import code, escape, inline
from registry.report.quote import NO_LINES, Lines
from registry.report.words import count, printable, shortened, size
from registry.review import Owned, Review

# Characters of the parts of a page: together below 60,000, since GitHub cuts a comment off at 65,536.
_FINDINGS_ROOM, _CHANGES_ROOM, _OTHERS_ROOM = 18_000, 28_000, 6_000
_MOST_OWNERS = 5  # of one path
_HEADINGS = "| version | action | files | bytes | why |\n|---|---|--:|--:|---|\n"
_OWNER_HEADINGS = "| where | what | owners |\n|---|---|---|\n"


def verdict(review: Review) -> str:
    """`ok` or `failed`, and the totals, in one line."""
    if not review.judged and not review.findings and not review.changes:
        return "ok: no version changes"
    return text.verdict(review.findings, max(review.judged, len(review.changes)))  # a folder that is gone is not judged


def render_text(review: Review, lines: Lines = NO_LINES) -> str:
    """The page for a terminal; `lines` are the source lines of its findings."""
    parts = [f"{verdict(review)}\n{merging(review)}\n"]
    if review.mistakes:
        parts.append(text.render_details(review.mistakes, lines))
    parts += [changes.render_text(review.changes)] if review.changes else []
    parts += [_section("not checked here", [f"    {said}" for said in review.unchecked])] if review.unchecked else []
    parts += [_section("for a maintainer", map(_owned_text, review.owned))] if review.owned else []
    parts += ["\n".join(text.next_steps(review.findings)) + "\n"] if review.findings else []
    return "\n".join(parts)


def render_markdown(review: Review) -> str:
    """The page for a comment or a summary: below 60,000 characters, and nothing that strangers wrote is markup."""
    parts = [f"**{verdict(review)}**\n", f"{merging(review)}\n"]
    if review.mistakes:
        parts += ["#### Findings\n", *render_tables(review.mistakes, _FINDINGS_ROOM)]
    if review.changes:
        parts += ["#### What changes\n", changes.render_entries(review.changes, _CHANGES_ROOM)]
    if review.items:
        parts += ["#### What merging does\n", _table(_HEADINGS, map(_item, review.items), len(review.items))]
    if review.unchecked:
        parts += ["#### Not checked here\n", "".join(f"- {escape(said)}\n" for said in review.unchecked)]
    if review.owned:
        parts += ["#### For a maintainer\n", _table(_OWNER_HEADINGS, map(_owned, review.owned), len(review.owned))]
    parts += [f"{inline(step)}\n" for step in text.next_steps(review.findings)] if review.findings else []
    return "\n".join(parts)


def render_json(review: Review) -> str:
    """`{format, base, head, findings, counts, changes, versions, calls, unchecked, owned}`."""
    report = {
        "base": review.base,
        "head": review.head,
        "findings": [asdict(finding) for finding in review.findings],
        "counts": counts_of(review.findings),
        "changes": [changes.to_json(change) for change in review.changes],
        "versions": [asdict(item) | {"model": str(item.model)} for item in review.items],
        "calls": review.calls(),
        "unchecked": list(review.unchecked),
        "owned": [asdict(owned) for owned in review.owned],
    }
    return dump(report)


def merging(review: Review) -> str:
    """What merging copies and sends, in one sentence, and whether somebody has to look."""
    calls = ", ".join(f"{many:,} {call}" for call, many in review.calls().items())
    files, amount = sum(item.files for item in review.items), sum(item.bytes for item in review.items)
    copies = f"copies {count(files, 'file')} ({size(amount)}) and " if files else ""
    said = f"Merging {copies}sends {calls}" if calls else "Merging registers nothing"
    refused = sum(item.action == "refuse" for item in review.items)
    said += f"; {count(refused, 'version')} would be refused" if refused else ""
    looks = sum(bool(owned.why) for owned in review.owned)
    return f"{said}. {count(looks, 'thing')} to look at for a maintainer, below." if looks else f"{said}."


def _item(item: Item) -> str:
    files = (f"{item.files:,}", size(item.bytes)) if item.files else ("", "")
    return f"| {code(str(item.model))} | {item.action} | {files[0]} | {files[1]} | {inline(item.reason)} |\n"


def _owned(owned: Owned) -> str:
    what = inline(shortened(owned.why, 500)) if owned.why else "changes"
    owners = " ".join(code(shortened(owner, 100)) for owner in owned.owners[:_MOST_OWNERS]) or "nobody in CODEOWNERS"
    rest = f" and {len(owned.owners) - _MOST_OWNERS:,} more" if len(owned.owners) > _MOST_OWNERS else ""
    return f"| {code(shortened(owned.path, 300))} | {what} | {owners}{rest} |\n"


def _owned_text(owned: Owned) -> str:
    owners = printable(" ".join(owned.owners)) or "nobody in CODEOWNERS"
    return f"    {printable(owned.path)} ({owners}): {printable(owned.why) or 'changes'}"


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *lines]) + "\n"


def _table(headings: str, rows: Iterator[str], total: int) -> str:
    """As many rows as there is room for, and a line that counts the rest."""
    shown: list[str] = []
    left = _OTHERS_ROOM
    for row in rows:
        if (left := left - len(row)) < 0:
            return f"{headings}{''.join(shown)}\n{total - len(shown):,} more.\n"
        shown.append(row)
    return headings + "".join(shown)
