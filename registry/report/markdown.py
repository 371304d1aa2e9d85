"""Markdown for a summary or a comment: the text inside a fence that nothing in it can close."""

from __future__ import annotations

import re


def render_text(text: str) -> str:
    """The verdict as a line of its own, the details as they stand in the terminal."""
    verdict, _, details = text.partition("\n")
    pages = [_fenced(verdict)] if not details.strip() else [_fenced(verdict), _fenced(details.strip("\n"))]
    return "\n".join(pages)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"
