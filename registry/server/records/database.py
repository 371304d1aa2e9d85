"""The database: reads and short transactions over the records."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, text, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from registry.errors import RecordsError, RegistryError
from registry.identity import ModelId
from registry.server.records.engine import make_engine
from registry.server.records.migrating import migrate
from registry.server.records.record import Draft, Filters, Record, make_cursor, parse_cursor, sortable
from registry.server.records.tables import FacetRow, InstanceRow, PasswordRow, VersionRow
from registry.wire import Json

Guard = Callable[[Record | None], None]  # sees what is stored inside of the transaction; raises to leave it so


class OlderGenerationError(RegistryError):
    """The request comes from a holder of the lock that another has followed."""


class Records:
    """The records in one database, whose tables are brought up to date; safe to use from several threads."""

    def __init__(self, url: str, *, wait: float = 30.0) -> None:
        with _translated():
            self._engine = make_engine(url, wait=wait)
        # A writer takes the lock as it begins: one that upgrades later would fail where it can only wait.
        self._writer = self._engine.execution_options(writes=True)
        self._is_postgres = self._engine.dialect.name == "postgresql"
        try:
            self.instance = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> str:
        """Bring the tables up to date; the id that the database was given when it was made."""
        with self._writing("") as session:
            migrate(session.connection())
            row = session.get(InstanceRow, 1) or InstanceRow(number=1, token=secrets.token_hex(16))
            session.add(row)
            return row.token

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def check(self) -> None:
        """Raises RecordsError where the database does not answer."""
        with self._reading() as session:
            session.execute(text("SELECT 1"))

    def generation(self) -> int:
        """The highest generation of a lock that has written here."""
        with self._reading() as session:
            return _highest_generation(session)

    def states(self) -> dict[str, int]:
        """How many versions are in each state."""
        with self._reading() as session:
            found = session.execute(select(VersionRow.state, func.count().label("number")).group_by(VersionRow.state))
            return {row.state: row.number for row in found}

    def get(self, model: ModelId) -> Record | None:
        """The record, also of a removed version; None where the name was never taken."""
        with self._reading() as session:
            return _record_of(session.get(VersionRow, tuple(model)))

    def put(self, draft: Draft, passwords: Mapping[str, str], guard: Guard) -> tuple[Record, bool]:
        """Store a new version, and say whether it was new; one that is there keeps all but its passwords.

        `passwords` maps keys of `model_config` to secrets, which no call gives back. Raises OlderGenerationError.
        """
        with self._writing(str(draft.model)) as session:
            row = session.get(VersionRow, tuple(draft.model))
            guard(_record_of(row))
            _check_generation(session, draft.generation)
            is_new = row is None
            if row is None:
                row = _new_row(draft)
                session.add(row)
                session.flush()  # the row first, since others refer to it
                session.add_all(_facets(draft))
            row.generation = max(row.generation, draft.generation or 0)
            for key, password in passwords.items():
                session.merge(PasswordRow(name=row.name, version=row.version, environment=key, password=password))
            return _known(row), is_new

    def amend(self, draft: Draft, etag: str) -> Record | None:
        """Store the draft in the place of the record with this etag; None where it is not that any more."""
        with self._writing(str(draft.model)) as session:
            row = session.get(VersionRow, tuple(draft.model))
            if row is None or row.etag != etag:
                return None
            _check_generation(session, draft.generation)
            _fill(row, draft)
            row.generation = max(row.generation, draft.generation or 0)
            _forget(session, FacetRow, draft.model)
            session.add_all(_facets(draft))
            return _known(row)

    def remove(self, model: ModelId, guard: Guard) -> None:
        """Keep of the version only that it was there; its name stays taken."""
        with self._writing(str(model)) as session:
            row = session.get(VersionRow, tuple(model))
            guard(_record_of(row))
            if row is not None and row.state != "removed":
                row.state, row.updated, row.etag = "removed", _now(), _etag()
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
        with self._reading() as session:
            rows = session.scalars(query.order_by(VersionRow.name, VersionRow.rank).limit(filters.limit + 1)).all()
            more = _cursor(rows[filters.limit - 1]) if len(rows) > filters.limit else None
            return [_summary(row) for row in rows[: filters.limit]], more

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with _translated(), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def _writing(self, what: str) -> Iterator[Session]:
        """Only one writes to the same thing at once: SQLite has one writer, PostgreSQL a lock for each name."""
        with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            if self._is_postgres:
                session.execute(select(func.pg_advisory_xact_lock(_lock_number(what))))
            yield session


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:  # the driver's own comes up where a connection is opened
        # Its own text tells the statement; the cause tells what happened.
        hint = "see whether it runs, or is a database; moved away, `registry reconcile --full` makes its records again"
        raise RecordsError(
            f"the database did not answer: {getattr(error, 'orig', None) or error}", hint=hint
        ) from error


def _lock_number(what: str) -> int:
    return int.from_bytes(sha256(f"registry {what}".encode()).digest()[:8], signed=True)


def _highest_generation(session: Session) -> int:
    return session.scalar(select(func.max(VersionRow.generation))) or 0


def _check_generation(session: Session, generation: int | None) -> None:
    highest = _highest_generation(session)
    if generation is not None and generation < highest:
        raise OlderGenerationError(f"generation {generation} of the lock was followed by {highest}")


def _new_row(draft: Draft) -> VersionRow:
    now, (name, version) = _now(), draft.model
    row = VersionRow(name=name, version=version, rank=sortable(version), generation=0, created=now)
    _fill(row, draft)
    row.updated = now
    return row


def _fill(row: VersionRow, draft: Draft) -> None:
    configuration, metainfo = draft.sections["model_config"], draft.sections["model_metainfo"]
    row.type, row.description, row.private = (configuration[key] for key in ("type", "description", "private"))
    row.trainable = configuration["training_properties"] is not None
    row.num_params, row.license = metainfo["num_params"], draft.provenance.get("license")
    row.state = draft.lifecycle["state"]
    row.configuration, row.metainfo = configuration, metainfo
    row.files, row.packages = draft.sections["model_files"], draft.sections["private_packages"]
    row.provenance, row.sources = draft.provenance, dict(draft.sources)
    row.updated, row.etag = _now(), _etag()


def _record_of(row: VersionRow | None) -> Record | None:
    return None if row is None else _known(row)


def _known(row: VersionRow) -> Record:
    sections = {"model_config": row.configuration, "model_files": row.files, "model_metainfo": row.metainfo}
    return Record(
        model=ModelId(row.name, row.version),
        sections={**sections, "private_packages": row.packages},
        provenance=row.provenance,
        sources=row.sources,
        generation=row.generation,
        etag=row.etag,
        created=row.created,
        updated=row.updated,
        is_removed=row.state == "removed",
    )


def _facets(draft: Draft) -> Iterator[FacetRow]:
    metainfo, (name, version) = draft.sections["model_metainfo"], draft.model
    languages = chain(metainfo["input_languages"], metainfo["output_languages"])
    kinds = {"input_type": metainfo["input_types"], "output_type": metainfo["output_types"], "language": languages}
    for kind, values in kinds.items():
        for value in dict.fromkeys(values):
            yield FacetRow(name=name, version=version, kind=kind, value=value)


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


def _summary(row: VersionRow) -> Json:
    keys = ("name", "version", "type", "description", "private", "num_params", "trainable", "license", "state")
    lists = ("input_types", "input_languages", "output_types", "output_languages")
    times = {"created_time": row.created, "last_updated_time": row.updated}
    return {**{k: getattr(row, k) for k in keys}, **{k: row.metainfo[k] for k in lists}, **times}


def _cursor(row: VersionRow) -> str:
    return make_cursor(ModelId(row.name, row.version))


def _position(cursor: str) -> Any:
    model = parse_cursor(cursor)
    return model.name, sortable(model.version)


def _etag() -> str:
    return f'"{secrets.token_hex(16)}"'


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
