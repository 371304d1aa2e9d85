"""Options that several commands have; imports nothing that `registry --help` would have to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def format_option(*formats: str) -> Callable[[Any], Any]:
    """`--format`, text unless told otherwise."""
    return click.option("--format", "form", type=click.Choice(formats), default="text", help="How to print the report.")
