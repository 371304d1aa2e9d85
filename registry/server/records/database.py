"""The database: reads and short transactions over the records."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from registry.errors import RegistryError
from registry.identity import ModelId
from registry.server.records.adding import NewVersion
from registry.server.records.backlog import Numbers, count
from registry.server.records.finding import find_as, find_no_more
from registry.server.records.listing import list_page
from registry.server.records.migrating import migrate
from registry.server.records.record import Decision, Draft, Filters, Record, Registration, Seen
from registry.server.records.registrations import Registrations, accept, forget, keep_passwords, seen_registration
from registry.server.records.rows import columns_of, known, new_etag, now
from registry.server.records.tables import InstanceRow, PasswordRow, VersionRow
from registry.server.records.transactions import Transactions
from registry.wire import Json

Guard = Callable[[Record | None], None]  # sees what is stored inside of the transaction; raises to leave it so


_VERSION = select(*VersionRow.__table__.c).where(
    VersionRow.name == bindparam("name"), VersionRow.version == bindparam("version")
)


class OlderGenerationError(RegistryError):
    """The request comes from a holder of the lock that another has followed."""


class Records:
    """The records in one database, whose tables are brought up to date; safe to use from several threads."""

    def __init__(self, url: str, *, wait: float = 30.0) -> None:
        self._transactions = Transactions(url, wait=wait)
        self.registrations = Registrations(self._transactions)
        try:
            self.instance = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> str:
        """Bring the tables up to date; the id that the database was given when it was made."""
        with self._transactions.writing("") as connection:
            migrate(connection)
            if token := connection.scalar(select(InstanceRow.token)):
                return str(token)
            token = secrets.token_hex(16)
            connection.execute(insert(InstanceRow), {"number": 1, "token": token})
            return token

    def close(self) -> None:
        """Let the database go."""
        self._transactions.close()

    def check(self) -> None:
        """Raises RecordsError where the database does not answer."""
        with self._transactions.reading() as connection:
            connection.execute(text("SELECT 1"))

    def generation(self) -> int:
        """The highest generation of a lock that has written here."""
        with self._transactions.reading() as connection:
            return _highest_generation(connection)

    def count(self) -> Numbers:
        """How many versions and registrations are in each state."""
        with self._transactions.reading() as connection:
            return count(connection)

    def get(self, model: ModelId) -> Record | None:
        """The record, also of a removed version; None where the name was never taken."""
        with self._transactions.reading() as connection:
            return _record(connection, model)

    def seen(self, model: ModelId) -> Seen:
        """The record, or the registration that may become one."""
        with self._transactions.reading() as connection:
            return _seen(connection, model)

    def add(self, draft: Draft, passwords: Mapping[str, str]) -> Record | None:
        """Store a version under a name that is free; None where it is not, or a newer generation has written."""
        new = NewVersion(draft)
        with self._transactions.writing(str(draft.model)) as connection:
            if not new.store(connection, lock=draft.generation):
                return None
            keep_passwords(connection, draft.model, passwords)
            return new.record

    def put(self, model: ModelId, decide: Callable[[Seen], Decision]) -> tuple[Record | Registration, bool]:
        """Store what is decided in view of what there is, and say whether it is new.

        Others wait until it is decided. A version that is there keeps all but its passwords; one whose files are to be
        copied begins to be registered, or goes on. What `decide` raises leaves all as it was. OlderGenerationError.
        """
        with self._transactions.writing(str(model)) as connection:
            seen = _seen(connection, model)
            decision = decide(seen)
            _check_generation(connection, decision.draft.generation)
            if decision.urls:
                return accept(connection, decision, seen.registration), True
            if seen.record:
                record = _keep(connection, seen.record, decision.draft)
            else:
                forget(connection, model)
                record = NewVersion(decision.draft).store_here(connection)
            keep_passwords(connection, model, decision.passwords)
            return record, not seen.record

    def amend(self, draft: Draft, etag: str) -> Record | None:
        """Store the draft in the place of the record with this etag; None where it is not that any more."""
        with self._transactions.writing(str(draft.model)) as connection:
            before = _record(connection, draft.model)
            if before is None or before.etag != etag:
                return None
            _check_generation(connection, draft.generation)
            find_as(connection, before, draft)
            generation = max(before.generation or 0, draft.generation or 0)
            _change(connection, draft.model, **columns_of(draft), generation=generation)
            return _record(connection, draft.model)

    def remove(self, model: ModelId, guard: Guard) -> None:
        """Keep of the version only that it was there; its name stays taken."""
        with self._transactions.writing(str(model)) as connection:
            record = _record(connection, model)
            guard(record)
            if record is not None and not record.is_removed:
                find_no_more(connection, record)
                _change(connection, model, state="removed", updated=now(), etag=new_etag())
                ours = PasswordRow.name == model.name, PasswordRow.version == model.version
                connection.execute(delete(PasswordRow).where(*ours))

    def page(self, filters: Filters, *, private: bool) -> tuple[list[Json], str | None]:
        """One page of summaries, by name and version, and the cursor of the next; `private` shows those too.

        It may be shorter than it could be, also empty, where what is looked for is rare among what is common: then
        there is a cursor. Raises ValueError where the cursor is not one of ours.
        """
        with self._transactions.reading() as connection:
            return list_page(connection, filters, private=private)


def _seen(connection: Connection, model: ModelId) -> Seen:
    record = _record(connection, model)
    return Seen(record, None if record else seen_registration(connection, model))


def _record(connection: Connection, model: ModelId) -> Record | None:
    row = connection.execute(_VERSION, {"name": model.name, "version": model.version}).one_or_none()
    return None if row is None else known(row)


def _keep(connection: Connection, record: Record, draft: Draft) -> Record:
    """The record as it is, from now on of a newer generation."""
    if (draft.generation or 0) > (record.generation or 0):
        _change(connection, draft.model, generation=draft.generation)
        return replace(record, generation=draft.generation)
    return record


def _change(connection: Connection, model: ModelId, **columns: Any) -> None:
    here = VersionRow.name == model.name, VersionRow.version == model.version
    connection.execute(update(VersionRow).where(*here).values(columns))


def _highest_generation(connection: Connection) -> int:
    return connection.scalar(select(func.max(VersionRow.generation))) or 0


def _check_generation(connection: Connection, generation: int | None) -> None:
    highest = _highest_generation(connection) if generation is not None else 0
    if generation is not None and generation < highest:
        raise OlderGenerationError(f"generation {generation} of the lock was followed by {highest}")
