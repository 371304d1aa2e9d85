"""Untrusted text in a Markdown page: it shows as what it is, and is no markup, link, mention or reference."""

from __future__ import annotations

import html
import re

from registry.report.words import printable

_SPECIAL = (
    r"[\\`*_\[\]<>&~|$^]"  # is markup wherever it stands
    r"|:(?=//)|(?i:(?<=www)\.)"  # makes a link
    r"|^[-+=\s]|^\d(?=\d*[.)])"  # begins a block
    r"|(?P<reference>[@#]|(?i:(?<=\bgh)-(?=\d)))"  # which GitHub looks for in what is shown, not in what is written
)
_TEXT = re.compile(_SPECIAL)
_SENTENCE = re.compile(rf"`(?P<code>[^`]+)`|{_SPECIAL}")
_APART = "&#8203;"  # a space without width: text in which it stands is no name and no number
_PLAIN = re.compile(r"[^\s`\\|](?:[^`\\|]*[^\s`\\|])?")
_PUNCTUATION = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]")


def escape(text: str) -> str:
    """The text on one line, in a paragraph, in an item of a list, or in a cell of a table."""
    return _TEXT.sub(_plain, printable(text))


def code(text: str) -> str:
    """The text as code."""
    shown = printable(text)
    return f"`{shown}`" if _PLAIN.fullmatch(shown) else f"<code>{_PUNCTUATION.sub(_entity, shown)}</code>"


def html_code(text: str) -> str:
    """The text as code where Markdown is not read: between tags."""
    return f"<code>{html.escape(printable(text))}</code>"


def fenced(text: str, language: str = "text") -> str:
    """Lines that are shown as they stand, in a fence that nothing in them closes."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def inline(text: str) -> str:
    """A sentence with backticks around what it quotes: that as code, all else as text."""
    return _SENTENCE.sub(lambda match: code(match["code"]) if match["code"] else _plain(match), printable(text))


def _plain(match: re.Match[str]) -> str:
    return _entity(match) + (_APART if match["reference"] else "")


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match.group())};"
