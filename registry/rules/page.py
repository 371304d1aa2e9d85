"""A rule's page, `<rule>.md` beside this file: why the rule exists, a wrong example and a right one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """What a fenced block shows; `…` alone on a line stands for lines that are left out."""

    language: str
    text: str


class Page(NamedTuple):
    """Why a rule exists, paragraphs on a line each with an empty one between, and two examples."""

    why: str
    wrong: Example
    right: Example


_BLOCK = r"```(\w+)\n((?:(?!```).)+)\n```"
_PAGE = re.compile(rf"((?:(?!```).)+)\n\nWrong:\n\n?{_BLOCK}\n\nRight:\n\n?{_BLOCK}\n", re.DOTALL)


def parse_page(text: str) -> Page:
    """The page that is written so; raises ValueError for one that has other parts, or parts in another order."""
    match = _PAGE.fullmatch(text)
    if match is None:
        raise ValueError("a page is why, then `Wrong:` and a fenced block, then `Right:` and a fenced block")
    why, *examples = match.groups()
    paragraphs = [" ".join(paragraph.split("\n")) for paragraph in why.split("\n\n")]
    return Page("\n\n".join(paragraphs), Example(*examples[:2]), Example(*examples[2:]))


def read_page(rule: str) -> Page:
    """The page of a rule that there is."""
    return parse_page(Path(__file__).with_name(f"{rule}.md").read_text("utf-8"))
