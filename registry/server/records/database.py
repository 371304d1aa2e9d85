"""The database: reads and short transactions over the records."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, text, tuple_
from sqlalchemy.orm import Session

from registry.errors import RegistryError
from registry.identity import ModelId
from registry.server.records.migrating import migrate
from registry.server.records.record import (
    Draft,
    Filters,
    Record,
    Registration,
    Seen,
    make_cursor,
    parse_cursor,
    sortable,
)
from registry.server.records.registrations import Registrations, accept, forget, keep_passwords, seen_registration
from registry.server.records.rows import facets, fill, known, new_etag, new_row, now, record_of, summary
from registry.server.records.sessions import Sessions
from registry.server.records.tables import FacetRow, InstanceRow, PasswordRow, VersionRow
from registry.wire import Json

Guard = Callable[[Record | None], None]  # sees what is stored inside of the transaction; raises to leave it so


class OlderGenerationError(RegistryError):
    """The request comes from a holder of the lock that another has followed."""


class Records:
    """The records in one database, whose tables are brought up to date; safe to use from several threads."""

    def __init__(self, url: str, *, wait: float = 30.0) -> None:
        self._sessions = Sessions(url, wait=wait)
        self.registrations = Registrations(self._sessions)
        try:
            self.instance = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> str:
        """Bring the tables up to date; the id that the database was given when it was made."""
        with self._sessions.writing("") as session:
            migrate(session.connection())
            row = session.get(InstanceRow, 1) or InstanceRow(number=1, token=secrets.token_hex(16))
            session.add(row)
            return row.token

    def close(self) -> None:
        """Let the database go."""
        self._sessions.close()

    def check(self) -> None:
        """Raises RecordsError where the database does not answer."""
        with self._sessions.reading() as session:
            session.execute(text("SELECT 1"))

    def generation(self) -> int:
        """The highest generation of a lock that has written here."""
        with self._sessions.reading() as session:
            return _highest_generation(session)

    def states(self) -> dict[str, int]:
        """How many versions are in each state."""
        with self._sessions.reading() as session:
            found = session.execute(select(VersionRow.state, func.count().label("number")).group_by(VersionRow.state))
            return {row.state: row.number for row in found}

    def get(self, model: ModelId) -> Record | None:
        """The record, also of a removed version; None where the name was never taken."""
        with self._sessions.reading() as session:
            return record_of(session.get(VersionRow, tuple(model)))

    def seen(self, model: ModelId) -> Seen:
        """The record, or the registration that may become one."""
        with self._sessions.reading() as session:
            return _seen(session, model)

    def put(self, draft: Draft, passwords: Mapping[str, str], seen: Seen) -> tuple[Record, bool] | None:
        """Store a new version, and say whether it was new; one that is there keeps all but its passwords.

        `passwords` maps keys of `model_config` to secrets, which no call gives back. None where there is something else
        by now than was seen; raises OlderGenerationError.
        """
        with self._sessions.writing(str(draft.model)) as session:
            if _seen(session, draft.model).etags != seen.etags:
                return None
            _check_generation(session, draft.generation)
            row = session.get(VersionRow, tuple(draft.model))
            is_new = row is None
            if row is None:
                row = new_row(draft)
                session.add(row)
                session.flush()  # the row first, since others refer to it
                session.add_all(facets(draft))
            row.generation = max(row.generation, draft.generation or 0)
            keep_passwords(session, draft.model, passwords)
            if seen.registration:
                session.flush()
                forget(session, draft.model)
            return known(row), is_new

    def accept(
        self, draft: Draft, urls: Mapping[str, str], passwords: Mapping[str, str], seen: Seen
    ) -> Registration | None:
        """Begin to register a version whose files come from these URLs, by target; or go on with the same.

        None where there is something else by now than was seen; raises OlderGenerationError.
        """
        with self._sessions.writing(str(draft.model)) as session:
            if _seen(session, draft.model).etags != seen.etags:
                return None
            _check_generation(session, draft.generation)
            return accept(session, draft, urls, passwords)

    def amend(self, draft: Draft, etag: str) -> Record | None:
        """Store the draft in the place of the record with this etag; None where it is not that any more."""
        with self._sessions.writing(str(draft.model)) as session:
            row = session.get(VersionRow, tuple(draft.model))
            if row is None or row.etag != etag:
                return None
            _check_generation(session, draft.generation)
            fill(row, draft)
            row.generation = max(row.generation, draft.generation or 0)
            _forget(session, FacetRow, draft.model)
            session.add_all(facets(draft))
            return known(row)

    def remove(self, model: ModelId, guard: Guard) -> None:
        """Keep of the version only that it was there; its name stays taken."""
        with self._sessions.writing(str(model)) as session:
            row = session.get(VersionRow, tuple(model))
            guard(record_of(row))
            if row is not None and row.state != "removed":
                row.state, row.updated, row.etag = "removed", now(), new_etag()
                _forget(session, FacetRow, model)
                _forget(session, PasswordRow, model)

    def page(self, filters: Filters, *, private: bool) -> tuple[list[Json], str | None]:
        """One page of summaries, by name and version, and the cursor of the next; `private` shows those too.

        Raises ValueError where the cursor is not one of ours.
        """
        query = select(VersionRow).where(*_conditions(filters))
        if not private:
            query = query.where(VersionRow.private.is_(False))
        if filters.cursor is not None:
            query = query.where(tuple_(VersionRow.name, VersionRow.rank) > _position(filters.cursor))
        with self._sessions.reading() as session:
            rows = session.scalars(query.order_by(VersionRow.name, VersionRow.rank).limit(filters.limit + 1)).all()
            more = _cursor(rows[filters.limit - 1]) if len(rows) > filters.limit else None
            return [summary(row) for row in rows[: filters.limit]], more


def _seen(session: Session, model: ModelId) -> Seen:
    record = record_of(session.get(VersionRow, tuple(model)))
    return Seen(record, None if record else seen_registration(session, model))


def _highest_generation(session: Session) -> int:
    return session.scalar(select(func.max(VersionRow.generation))) or 0


def _check_generation(session: Session, generation: int | None) -> None:
    highest = _highest_generation(session) if generation is not None else 0
    if generation is not None and generation < highest:
        raise OlderGenerationError(f"generation {generation} of the lock was followed by {highest}")


def _forget(session: Session, rows: type[FacetRow | PasswordRow], model: ModelId) -> None:
    for row in session.scalars(select(rows).where(rows.name == model.name, rows.version == model.version)):
        session.delete(row)
    session.flush()


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    for key in ("name", "version", "type", "license", "trainable", "state"):
        if (value := getattr(filters, key)) is not None:
            yield getattr(VersionRow, key) == value
    for kind in ("input_type", "output_type", "language"):
        if (value := getattr(filters, kind)) is not None:
            same = and_(FacetRow.name == VersionRow.name, FacetRow.version == VersionRow.version)
            yield select(FacetRow.kind).where(same, FacetRow.kind == kind, FacetRow.value == value).exists()
    if filters.q is not None:
        found = VersionRow.name.icontains(filters.q, autoescape=True)
        yield found | VersionRow.description.icontains(filters.q, autoescape=True)
    if filters.state is None:
        yield VersionRow.state.in_(("active", "deprecated"))


def _cursor(row: VersionRow) -> str:
    return make_cursor(ModelId(row.name, row.version))


def _position(cursor: str) -> Any:
    model = parse_cursor(cursor)
    return model.name, sortable(model.version)
