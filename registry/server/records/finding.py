"""What a version is found by, kept beside its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert

from registry.identity import ModelId
from registry.server.records.record import Draft, sortable
from registry.server.records.rows import Facet, facets, text_of
from registry.server.records.tables import FacetRow, TextRow

Row = Mapping[str, Any]


def facet_rows(draft: Draft) -> list[Row]:
    """What a version is found by."""
    return _rows(draft.model, facets(draft))


def text_row(draft: Draft) -> Row:
    """The text in which a version is found."""
    name, rank = _place(draft.model)
    return {"name": name, "rank": rank, "text": text_of(draft)}


def add_facets(connection: Connection, rows: Sequence[Row]) -> None:
    """A version is found by these from now on."""
    if rows:
        connection.execute(insert(FacetRow), rows)


def add_text(connection: Connection, row: Row) -> None:
    """A version is found in this text from now on."""
    connection.execute(insert(TextRow).inline(), row)


def find_as(connection: Connection, before: Draft, after: Draft) -> None:
    """An amended version is found by what it is now."""
    old, new = dict.fromkeys(facets(before)), dict.fromkeys(facets(after))
    _take(connection, before.model, old.keys() - new.keys())
    add_facets(connection, _rows(after.model, new.keys() - old.keys()))
    if text_of(before) != text_of(after):
        _take_text(connection, before.model)
        add_text(connection, text_row(after))


def find_no_more(connection: Connection, draft: Draft) -> None:
    """A removed version is in no list."""
    _take(connection, draft.model, facets(draft))
    _take_text(connection, draft.model)


def _rows(model: ModelId, found: Iterable[Facet]) -> list[Row]:
    name, rank = _place(model)
    return [{"kind": kind, "value": value, "name": name, "rank": rank} for kind, value in found]


def _take(connection: Connection, model: ModelId, found: Iterable[Facet]) -> None:
    name, rank = _place(model)
    for kind, value in found:
        here = FacetRow.name == name, FacetRow.rank == rank
        connection.execute(delete(FacetRow).where(FacetRow.kind == kind, FacetRow.value == value, *here))


def _take_text(connection: Connection, model: ModelId) -> None:
    name, rank = _place(model)
    connection.execute(delete(TextRow).where(TextRow.name == name, TextRow.rank == rank))


def _place(model: ModelId) -> tuple[str, str]:
    return model.name, sortable(model.version)
