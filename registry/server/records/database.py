"""The database: reads and short transactions over the records."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from registry.errors import RegistryError
from registry.identity import ModelId
from registry.server.records.backlog import Numbers, count
from registry.server.records.finding import find_as, find_no_more, make_findable
from registry.server.records.listing import list_page
from registry.server.records.migrating import migrate
from registry.server.records.record import Draft, Filters, Record, Registration, Seen
from registry.server.records.registrations import Registrations, accept, forget, keep_passwords, seen_registration
from registry.server.records.rows import fill, known, new_etag, new_row, now, record_of
from registry.server.records.sessions import Sessions
from registry.server.records.tables import InstanceRow, PasswordRow, RegistrationRow, VersionRow
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

    def count(self) -> Numbers:
        """How many versions and registrations are in each state."""
        with self._sessions.reading() as session:
            return count(session)

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
            if _etags(session, draft.model) != seen.etags:
                return None
            _check_generation(session, draft.generation)
            row = session.get(VersionRow, tuple(draft.model)) if seen.record else None
            is_new = row is None
            if row is None:
                row = new_row(draft)
                session.add(row)
                session.flush()  # the row first, since others refer to it
                make_findable(session, draft)
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
            if _etags(session, draft.model) != seen.etags:
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
            find_as(session, known(row), draft)
            fill(row, draft)
            row.generation = max(row.generation, draft.generation or 0)
            return known(row)

    def remove(self, model: ModelId, guard: Guard) -> None:
        """Keep of the version only that it was there; its name stays taken."""
        with self._sessions.writing(str(model)) as session:
            row = session.get(VersionRow, tuple(model))
            guard(record_of(row))
            if row is not None and row.state != "removed":
                find_no_more(session, known(row))
                row.state, row.updated, row.etag = "removed", now(), new_etag()
                ours = PasswordRow.name == model.name, PasswordRow.version == model.version
                session.execute(delete(PasswordRow).where(*ours))

    def page(self, filters: Filters, *, private: bool) -> tuple[list[Json], str | None]:
        """One page of summaries, by name and version, and the cursor of the next; `private` shows those too.

        It may be shorter than it could be, also empty, where what is looked for is rare among what is common: then
        there is a cursor. Raises ValueError where the cursor is not one of ours.
        """
        with self._sessions.reading() as session:
            return list_page(session, filters, private=private)


def _seen(session: Session, model: ModelId) -> Seen:
    record = record_of(session.get(VersionRow, tuple(model)))
    return Seen(record, None if record else seen_registration(session, model))


def _etags(session: Session, model: ModelId) -> tuple[str | None, str | None]:
    """What `Seen` compares, without what it tells."""
    record, registration = (
        select(rows.etag).where(rows.name == model.name, rows.version == model.version).scalar_subquery()
        for rows in (VersionRow, RegistrationRow)
    )
    found = session.execute(select(record, registration)).one()
    return found[0], None if found[0] else found[1]


def _highest_generation(session: Session) -> int:
    return session.scalar(select(func.max(VersionRow.generation))) or 0


def _check_generation(session: Session, generation: int | None) -> None:
    highest = _highest_generation(session) if generation is not None else 0
    if generation is not None and generation < highest:
        raise OlderGenerationError(f"generation {generation} of the lock was followed by {highest}")
