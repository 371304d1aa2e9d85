"""A new version: its row and what it is found by, made before the transaction in which all of it is stored."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, String, bindparam, func, insert, select, true

from registry.server.records.finding import add_facets, add_text, facet_rows, text_row
from registry.server.records.record import Draft, Record
from registry.server.records.rows import known, new_row
from registry.server.records.tables import FacetRow, RegistrationRow, TextRow, VersionRow

_NEW = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in VersionRow.__table__.c}
_LOCK = bindparam("lock", type_=BigInteger)  # the generation under which it is stored, if any
_IS_FREE = (
    *(
        ~select(rows.etag).where(rows.name == _NEW["name"], rows.version == _NEW["version"]).exists()
        for rows in (VersionRow, RegistrationRow)
    ),
    _LOCK.is_(None) | (func.coalesce(select(func.max(VersionRow.generation)).scalar_subquery(), 0) <= _LOCK),
)
_VERSION = insert(VersionRow).from_select(list(_NEW), select(*_NEW.values()).where(*_IS_FREE)).inline()
_COUNTED = {"preserve_rowcount": True}


class NewVersion:
    """What is stored of a version, in as few steps as the database allows, since others wait for their turn."""

    def __init__(self, draft: Draft) -> None:
        columns = new_row(draft)
        self.record: Record = known(SimpleNamespace(**columns))
        self._columns = {f"new_{key}": value for key, value in columns.items()}
        self._facets, self._text = facet_rows(draft), text_row(draft)

    def store(self, connection: Connection, *, lock: int | None = None) -> bool:
        """False where the name has a version or a registration, or a newer generation than this has written."""
        values = {**self._columns, "lock": lock}
        if connection.dialect.name == "postgresql":
            values |= {"kinds": [row["kind"] for row in self._facets], "values": [row["value"] for row in self._facets]}
            stored = connection.execute(_ALL, {**values, "text": self._text["text"]}, execution_options=_COUNTED)
            return stored.rowcount == 1
        if connection.execute(_VERSION, values, execution_options=_COUNTED).rowcount == 0:
            return False
        add_facets(connection, self._facets)
        add_text(connection, self._text)
        return True

    def store_here(self, connection: Connection) -> Record:
        """The record, under a name that was seen to be free in this transaction."""
        if not self.store(connection):
            raise RuntimeError("a name was taken by somebody who did not wait for its lock")
        return self.record


def _all() -> Any:
    """The row, its facets and its text in one statement, where each one is a request."""
    added = _VERSION.returning(VersionRow.name, VersionRow.rank).cte("added")
    lists = (bindparam(key, type_=ARRAY(String)) for key in ("kinds", "values"))
    found = func.unnest(*lists).table_valued("kind", "value").render_derived(name="found")
    rows = select(found.c.kind, found.c.value, added.c.name, added.c.rank).select_from(added.join(found, true()))
    facets = insert(FacetRow).from_select(["kind", "value", "name", "rank"], rows).cte("added_facets")
    text = select(added.c.name, added.c.rank, bindparam("text", type_=String))
    return insert(TextRow).from_select(["name", "rank", "text"], text).inline().add_cte(facets)


_ALL = _all()
