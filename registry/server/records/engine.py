"""How SQLite and PostgreSQL are opened, so that several threads and processes can use one database."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from registry.server.instance import missing_driver

_CONNECTIONS = 8  # to one PostgreSQL from one process: it serves a hundred in all unless it is told otherwise
_CONNECT_SECONDS = 10
_REST = 1.0  # seconds after which a connection may be to a server that is gone
_RESTS = "rests since"
_PAUSE = 0.02  # seconds until it is tried again to change how SQLite keeps its log
# No query is meant to read a whole table or index, whatever the statistics say of it at the moment: each row is looked
# up by an index.
_BY_INDEX = "-c enable_seqscan=off -c enable_mergejoin=off -c enable_hashjoin=off"


def make_engine(url: str, *, wait: float) -> Engine:
    """An engine over `sqlite:///…` or `postgresql://…`.

    `wait`: seconds that one who writes waits for another. SettingsError where the driver is missing.
    """
    parts = make_url(url)
    return _sqlite(parts, wait) if parts.get_backend_name() == "sqlite" else _postgres(parts, wait)


def _sqlite(url: URL, wait: float) -> Engine:
    """Over a file that only its owner may read; file and folder are made."""
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=wait)) as connection:
        _keep_log(connection, time.monotonic() + wait)
    # Parameters hold passwords: they stay out of error messages.
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", partial(_configure, wait))
    event.listen(engine, "begin", _begin)
    return engine


def _keep_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Let readers and a writer not wait for each other; kept in the file.

    SQLite does not wait by itself where several change that at once.
    """
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


def _configure(wait: float, connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what signed a URL is not to be found in the file afterwards


def _begin(connection: Connection) -> None:
    is_writer = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _postgres(url: URL, wait: float) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise missing_driver(error) from error
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=wait,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "registry",
            "options": f"-c lock_timeout={int(wait * 1000)} {_BY_INDEX}",
        },
    )
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _see_after_rest)
    return engine


def _note_rest(_: object, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS] = time.monotonic()


def _see_after_rest(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    """A server that was started again is not a mistake of the next request."""
    if time.monotonic() - record.info.get(_RESTS, math.inf) > _REST:
        from psycopg import OperationalError

        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except OperationalError as error:
            raise DisconnectionError from error
