"""Pages that are one file: everything escaped, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from registry.report import review as review_page
from registry.report.changes import verdict
from registry.report.view import make_entry, summary
from registry.report.words import printable, size

if TYPE_CHECKING:
    from jinja2 import Environment

    from registry.diff import Change
    from registry.review import Review

_HERE = Path(__file__).parent


def render_changes(changes: Sequence[Change]) -> str:
    """What changed for a reader of the models."""
    return _render(verdict(changes), changes, None)


def render_review(review: Review) -> str:
    """What a reviewer should know of a change."""
    return _render(review_page.verdict(review), review.changes, review)


def _render(title: str, changes: Sequence[Change], review: Review | None) -> str:
    entries = [make_entry(change) for change in changes]
    style = (_HERE / "style.css").read_text("utf-8")
    page = _environment().get_template("page.html")
    return page.render(
        title=title,
        style=style,
        entries=entries,
        summary=summary,
        size=size,
        review=review,
        merging=review and review_page.merging(review),
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        autoescape=True,
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
