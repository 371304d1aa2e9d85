"""Makes each line of a text end as the training data ends its texts."""

from __future__ import annotations

from typing import TextIO

END = "<|endoftext|>"


def init() -> None:
    """There is nothing to load."""


def run(line: str, file: TextIO) -> None:
    """Write one line that holds something, with the end of a text behind it."""
    if line.strip():
        file.write(line.strip() + END + "\n")
