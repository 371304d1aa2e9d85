"""Options that several commands have, and what they ask for; imports nothing that `--help` would have to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def format_option(*formats: str) -> Callable[[Any], Any]:
    """`--format`, text unless told otherwise."""
    return click.option("--format", "form", type=click.Choice(formats), default="text", help="How to print the report.")


def in_form(form: str, *, text: Callable[[], str], json: Callable[[], str]) -> str:
    """The report as `--format` wants it; the page of Markdown is the text."""
    if form == "json":
        return json()
    if form == "text":
        return text()
    from registry.report.markdown import render_text

    return render_text(text())
