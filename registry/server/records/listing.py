"""One page of a list, found in a time that does not grow with the number of versions.

Each value that a list is narrowed down by stands in the order of lists. The one that the fewest versions have is
followed, some hundreds of places at a time, and what lacks another is passed over. After a number of places the page
ends with what was found by then, and the next page goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    and_,
    column,
    func,
    literal,
    select,
    table,
    tuple_,
)

from registry.identity import ModelId
from registry.server.records.record import Filters, make_cursor, parse_cursor, sortable
from registry.server.records.rows import LISTED, PUBLIC, SHOWN, Facet, folded, summary
from registry.server.records.tables import FacetRow, TextRow, VersionRow
from registry.wire import Json

WINDOW = 1000  # places that are looked at at once
WINDOWS = 5  # for one page
RARE = 2500  # versions with a text: so few are found first, and put in order then
_GRAM = 3  # characters: a text is found by its parts of this length
_LAST = chr(0x10FFFF)  # sorts after all that a name may hold
_GRAMS = table("grams", column("rowid"), column("grams"))  # of SQLite

_Places = Select[str, str]  # name and rank


@dataclass(frozen=True)
class _Wanted:
    """What a list is narrowed down to, in the terms of the tables."""

    facets: tuple[Facet, ...]
    name: str | None
    q: str  # empty: any text


def list_page(
    connection: Connection, filters: Filters, *, private: bool, window: int = WINDOW
) -> tuple[list[Json], str | None]:
    """Summaries by name and version, and the cursor of the next page; ValueError where a cursor is not one of ours."""
    wanted = _Wanted(tuple(_facets(filters, private=private)), filters.name, folded(filters.q or ""))
    source, rest = _source(connection, wanted)
    window, found = window if rest else filters.limit + 1, list[Any]()
    name, rank = _start(filters.cursor)
    for _ in range(WINDOWS):
        places = _window(source, (name, rank), window)
        found += connection.execute(_rows(connection, places, rest, filters.limit + 1 - len(found)))
        if len(found) > filters.limit:
            last = found[filters.limit - 1]
            return [summary(row) for row in found[: filters.limit]], make_cursor(ModelId(last.name, last.version))
        end = connection.execute(select(places).order_by(places.c.name, places.c.rank).offset(window - 1)).first()
        if end is None:
            return [summary(row) for row in found], None
        name, rank = end.name, end.rank
    return [summary(row) for row in found], make_cursor(ModelId(name, _version_of(rank)))


def _facets(filters: Filters, *, private: bool) -> Iterator[Facet]:
    for kind in ("version", "type", "license", "state", "input_type", "output_type", "language"):
        if (value := getattr(filters, kind)) is not None:
            yield kind, value
    if filters.trainable is not None:
        yield "trainable", "true" if filters.trainable else "false"
    if not private:
        yield PUBLIC
    if filters.state is None:
        yield LISTED


def _source(connection: Connection, wanted: _Wanted) -> tuple[_Places, _Wanted | None]:
    """The places to follow, and what each of them has to have besides."""
    facets, name, q = wanted.facets, wanted.name, wanted.q
    if name is not None:
        return select(VersionRow.name, VersionRow.rank).where(VersionRow.name == name), _Wanted(facets, None, q)
    if 0 < len(q) < _GRAM:
        begins = VersionRow.name >= q, VersionRow.name < q + _LAST
        return select(VersionRow.name, VersionRow.rank).where(*begins), _Wanted(facets, None, "")
    if q:
        found = select(TextRow.name, TextRow.rank).where(*_contains(connection, q))
        texts = found.limit(RARE + 1).subquery("texts_with")
        if (connection.scalar(select(func.count()).select_from(texts)) or 0) <= RARE:
            return select(texts.c.name, texts.c.rank), _Wanted(facets, None, "")
    rarest = _rarest(connection, facets)
    others = tuple(facet for facet in facets if facet != rarest)
    return _with(rarest), _Wanted(others, None, q) if others or q else None


def _rarest(connection: Connection, facets: tuple[Facet, ...]) -> Facet:
    """The facet that the fewest versions have, as far as they are counted; all but a few are listed."""
    choice = tuple(facet for facet in facets if facet != LISTED) or facets
    if len(choice) == 1:
        return choice[0]
    counts = (select(func.count()).select_from(_with(facet).limit(WINDOW).subquery()) for facet in choice)
    numbers = connection.execute(select(*(count.scalar_subquery() for count in counts))).one()
    return choice[min(range(len(choice)), key=numbers.__getitem__)]


def _with(facet: Facet) -> _Places:
    return select(FacetRow.name, FacetRow.rank).where(FacetRow.kind == facet[0], FacetRow.value == facet[1])


def _window(source: _Places, after: tuple[str, str], most: int) -> Subquery:
    """The next places in order."""
    name, rank = source.selected_columns
    return source.where(tuple_(name, rank) > after).order_by(name, rank).limit(most).subquery("places")


def _rows(connection: Connection, places: Subquery, rest: _Wanted | None, most: int) -> Any:
    """The versions at these places that have the rest, in order."""
    at = and_(VersionRow.name == places.c.name, VersionRow.rank == places.c.rank)
    columns = [getattr(VersionRow, key) for key in SHOWN]
    query = select(*columns).select_from(places).join(VersionRow, at)
    if rest is not None:
        query = query.where(*_has(connection, places, rest))
    return query.order_by(places.c.name, places.c.rank).limit(most)


def _has(connection: Connection, places: Subquery, rest: _Wanted) -> Iterator[ColumnElement[bool]]:
    for facet in rest.facets:
        yield _with(facet).where(FacetRow.name == places.c.name, FacetRow.rank == places.c.rank).exists()
    if rest.q and len(rest.q) < _GRAM:
        yield and_(places.c.name >= rest.q, places.c.name < rest.q + _LAST)
    elif rest.q:
        here = TextRow.name == places.c.name, TextRow.rank == places.c.rank
        yield select(TextRow.number).where(*here, _position(connection)(TextRow.text, rest.q) > 0).exists()


def _contains(connection: Connection, q: str) -> Iterator[ColumnElement[bool]]:
    """A text with these characters: by its grams first, which the index knows."""
    grams = list(dict.fromkeys(q[at : at + _GRAM] for at in range(len(q) - _GRAM + 1)))
    if _is_postgres(connection):
        yield func.registry_grams(TextRow.text, type_=ARRAY(Text)).op("@>")(literal(grams, ARRAY(Text)))
    else:
        yield TextRow.number == _GRAMS.c.rowid
        yield _GRAMS.c.grams.op("MATCH")(" AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams))
    yield _position(connection)(TextRow.text, q) > 0


def _position(connection: Connection) -> Any:
    return func.strpos if _is_postgres(connection) else func.instr


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _start(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    model = parse_cursor(cursor)
    return model.name, sortable(model.version)


def _version_of(rank: str) -> str:
    """The version that a text sorts, as it is spelled."""
    return rank.rpartition(" ")[2]
