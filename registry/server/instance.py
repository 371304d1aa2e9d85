"""Which database the embedded endpoint would answer from, found out without starting it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from registry.errors import RecordsError, SettingsError

_QUERY = "SELECT token FROM instance"
_CONNECT_SECONDS = 10


def read_instance(url: str) -> str:
    """The id that a database was given when it was made; empty where it has none.

    `url`: `sqlite:///…` or `postgresql://…`. Raises RecordsError where PostgreSQL does not answer, and SettingsError
    where its driver is missing.
    """
    return _of_file(Path(url.removeprefix("sqlite:///"))) if url.startswith("sqlite:") else _of_server(url)


def _of_file(database: Path) -> str:
    if not database.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute(_QUERY).fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


def _of_server(url: str) -> str:
    try:
        import psycopg
    except ImportError as error:
        raise missing_driver(error) from error
    try:
        with closing(psycopg.connect(url, connect_timeout=_CONNECT_SECONDS)) as connection:
            row = connection.execute(_QUERY).fetchone()
    except psycopg.errors.UndefinedTable:
        return ""
    except psycopg.Error as error:
        message = f"the database did not answer: {without_password(str(error), url)}"
        raise RecordsError(message, hint="see whether it runs, and whether REGISTRY_DATABASE is right") from None
    return str(row[0]) if row else ""


def missing_driver(error: ImportError) -> SettingsError:
    """How to install what PostgreSQL needs."""
    hint = "install it: pip install 'registry[postgres]'"
    return SettingsError(f"PostgreSQL needs {error.name}, which is not installed", hint=hint)


def without_password(message: str, url: str) -> str:
    """What a driver says, without the password in the URL, which it may quote."""
    password = urlsplit(url).password
    for secret in {password, unquote(password)} if password else ():
        message = message.replace(secret, "…")
    return message
