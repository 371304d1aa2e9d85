"""A database of each kind, and a look into it beside the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

KINDS = ("sqlite", "postgresql")
NewDatabase = Callable[[Path], "Database"]  # the folder is the test's own


class Database(NamedTuple):
    """One database that records are kept in."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.startswith("sqlite:")

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """A connection beside the endpoint's; what was done is kept when the block ends."""
        engine = create_engine(self.url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
        with engine.begin() as connection:
            yield connection

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query gives; nothing where it is a change."""
        with self.open() as connection:
            found = connection.execute(text(query), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    def everything(self) -> str:
        """All that is stored, as text; of a file every byte, also of what was deleted."""
        if self.is_sqlite:
            path = Path(self.url.removeprefix("sqlite:///"))
            files = [path, path.with_name(f"{path.name}-wal")]
            return "".join(file.read_bytes().decode("latin-1") for file in files if file.exists())
        with self.open() as connection:
            tables = inspect(connection).get_table_names()
        return str([self.rows(f"SELECT * FROM {table}") for table in tables])


def new_database(kind: str, request: pytest.FixtureRequest) -> NewDatabase:
    """Makes databases of a kind."""

    def make(folder: Path) -> Database:
        if kind == "sqlite":
            return Database(f"sqlite:///{folder / 'db' / 'records.db'}")
        return Database(request.getfixturevalue("postgres").new_database())

    return make
