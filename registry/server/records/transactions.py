"""Short transactions over one database, and what went wrong in them in our words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path

from sqlalchemy import BigInteger, Connection, bindparam, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from registry.errors import RecordsError
from registry.server.records.engine import make_engine
from registry.server.records.turn import Turn

_LOCK = select(func.pg_advisory_xact_lock(bindparam("number", type_=BigInteger)))


class Transactions:
    """Opens transactions; safe to use from several threads. `wait`: seconds that one who writes waits for another."""

    def __init__(self, url: str, *, wait: float) -> None:
        try:
            with _translated():
                self._engine = make_engine(url, wait=wait)
            self.is_postgres = self._engine.dialect.name == "postgresql"
            self._turn = None if self.is_postgres else Turn(Path(self._engine.url.database or ""), wait)
        except OSError as error:
            hint = "see whether its folder is there and may be written to, and whether REGISTRY_DATABASE is right"
            raise RecordsError(f"the database cannot be opened: {error}", hint=hint) from error
        # A writer takes the lock as it begins: one that upgrades later would fail where it can only wait.
        self._writer = self._engine.execution_options(writes=True)
        # PostgreSQL looks at each query's own moment in a transaction, too, which would cost two more requests.
        reads = {"isolation_level": "AUTOCOMMIT"} if self.is_postgres else {}
        self._reader = self._engine.execution_options(**reads)

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()
        if self._turn:
            self._turn.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For queries alone; raises RecordsError."""
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, what: str) -> Iterator[Connection]:
        """A transaction; only one writes to the same thing at once.

        SQLite has one writer, PostgreSQL a lock for each name. Raises RecordsError.
        """
        turn = self._turn.taken() if self._turn else nullcontext()
        with turn, _translated(), self._writer.begin() as connection:
            if self.is_postgres:
                connection.execute(_LOCK, {"number": _lock_number(what)})
            yield connection

    def settle(self) -> None:
        """Of what was deleted nothing stays in the log of a file, unless somebody reads it at this moment."""
        if not self.is_postgres:
            with _translated(), closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def clock(self, connection: Connection) -> float:
        """Seconds since 1970 by the one clock of all that use the database: the server's, or this machine's."""
        if not self.is_postgres:
            return time.time()
        return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8")) or 0.0)


def _lock_number(what: str) -> int:
    return int.from_bytes(sha256(f"registry {what}".encode()).digest()[:8], signed=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:  # the driver's own comes up where a connection is opened
        # Its own text tells the statement; the cause tells what happened.
        hint = "see whether it runs, or is a database; moved away, `registry reconcile --full` makes its records again"
        cause = getattr(error, "orig", None) or error
        raise RecordsError(f"the database did not answer: {cause}", hint=hint) from error
