"""Which database the embedded endpoint would answer from, found out without starting it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def read_instance(database: Path) -> str:
    """The id that the SQLite database at this path was given when it was made; empty where there is none."""
    if not database.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT token FROM instance").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""
