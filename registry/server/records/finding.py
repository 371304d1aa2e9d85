"""What a version is found by, kept beside its row."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from registry.identity import ModelId
from registry.server.records.record import Draft, sortable
from registry.server.records.rows import Facet, facets, text_of
from registry.server.records.tables import FacetRow, TextRow


def make_findable(session: Session, draft: Draft) -> None:
    """A new version is found from now on."""
    _add(session, draft.model, facets(draft))
    _add_text(session, draft)


def find_as(session: Session, before: Draft, after: Draft) -> None:
    """An amended version is found by what it is now."""
    old, new = dict.fromkeys(facets(before)), dict.fromkeys(facets(after))
    _take(session, before.model, old.keys() - new.keys())
    _add(session, after.model, new.keys() - old.keys())
    if text_of(before) != text_of(after):
        _take_text(session, before.model)
        _add_text(session, after)


def find_no_more(session: Session, draft: Draft) -> None:
    """A removed version is in no list."""
    _take(session, draft.model, facets(draft))
    _take_text(session, draft.model)


def _add(session: Session, model: ModelId, found: Iterable[Facet]) -> None:
    name, rank = _place(model)
    if rows := [{"kind": kind, "value": value, "name": name, "rank": rank} for kind, value in found]:
        session.connection().execute(insert(FacetRow), rows)  # without what objects cost


def _take(session: Session, model: ModelId, found: Iterable[Facet]) -> None:
    name, rank = _place(model)
    for kind, value in found:
        here = FacetRow.name == name, FacetRow.rank == rank
        session.execute(delete(FacetRow).where(FacetRow.kind == kind, FacetRow.value == value, *here))


def _add_text(session: Session, draft: Draft) -> None:
    name, rank = _place(draft.model)
    session.connection().execute(insert(TextRow).values(name=name, rank=rank, text=text_of(draft)))


def _take_text(session: Session, model: ModelId) -> None:
    name, rank = _place(model)
    session.execute(delete(TextRow).where(TextRow.name == name, TextRow.rank == rank))


def _place(model: ModelId) -> tuple[str, str]:
    return model.name, sortable(model.version)
