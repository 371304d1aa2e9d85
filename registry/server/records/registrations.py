"""Registrations whose files are not all in private storage yet: who copies them, and how far they are."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from registry.identity import ModelId
from registry.server.records.adding import NewVersion
from registry.server.records.record import Decision, Draft, Registration, Work
from registry.server.records.rows import new_etag, now
from registry.server.records.tables import PasswordRow, RegistrationFileRow, RegistrationRow
from registry.server.records.transactions import Transactions
from registry.wire import Json

ATTEMPTS = 5  # after which a registration has failed: it may be what ends the process that copies it
_REGISTRATION = select(*RegistrationRow.__table__.c)
_CLAIM = "which registration is copied by whom"


class Registrations:
    """Those that are under way, and those that failed until the same or another PUT follows."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def claim(self, seconds: float) -> Work | None:
        """One that nobody copies, ours for some seconds unless renewed; None where there is none.

        One that was begun too often is failed instead.
        """
        with self._transactions.writing(_CLAIM) as connection:
            moment, claim = self._transactions.clock(connection), secrets.token_hex(16)
            waiting = RegistrationRow.state == "InProgress", RegistrationRow.claimed_until <= moment
            query = _REGISTRATION.where(*waiting).order_by(RegistrationRow.claimed_until).limit(1)
            row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            if row.attempts >= ATTEMPTS:
                _fail(connection, row, "", f"its copy was begun {ATTEMPTS} times and never ended; send it again")
                return None
            _change(connection, row, attempts=row.attempts + 1, claim=claim, claimed_until=moment + seconds)
            return _work(connection, row, claim)

    def renew(self, claims: Collection[str], seconds: float) -> set[str]:
        """Keep what is still ours of these claims for some seconds more; which those are."""
        with self._transactions.writing(_CLAIM) as connection:
            until = self._transactions.clock(connection) + seconds
            ours = RegistrationRow.claim.in_(claims), RegistrationRow.state == "InProgress"
            connection.execute(update(RegistrationRow).where(*ours).values(claimed_until=until))
            return set(connection.scalars(select(RegistrationRow.claim).where(*ours)))

    def note_copied(self, work: Work, target: str, entry: Json) -> None:
        """One more file is there: its URL, and whatever signs it, is needed no more."""
        with self._transactions.writing(str(work.draft.model)) as connection:
            if row := _claimed(connection, work):
                here = *_of(RegistrationFileRow, work.draft.model), RegistrationFileRow.target == target
                columns = {"url": "", "sha256": entry["sha256"], "size": entry["size"]}
                connection.execute(update(RegistrationFileRow).where(*here).values(columns))
                _change(connection, row, updated=now())

    def finish(self, work: Work, files: Json) -> bool:
        """The version is registered with these files, for all to see at once; False where it is no more ours."""
        with self._transactions.writing(str(work.draft.model)) as connection:
            row = _claimed(connection, work)
            if row is None:
                return False
            draft = work.draft.with_files(files)
            forget(connection, draft.model)
            NewVersion(draft).store_here(connection)
            keep_passwords(connection, draft.model, row.passwords)
        self._transactions.settle()
        return True

    def fail(self, work: Work, target: str, reason: str) -> None:
        """It has failed with this file (empty: with none in particular), for a reason without secrets."""
        with self._transactions.writing(str(work.draft.model)) as connection:
            if row := _claimed(connection, work):
                _fail(connection, row, target, reason)
        self._transactions.settle()

    def release(self, work: Work, *, seconds: float = 0.0, counts: bool) -> None:
        """Whoever comes first after some seconds may go on; whether this attempt counts."""
        with self._transactions.writing(str(work.draft.model)) as connection:
            if row := _claimed(connection, work):
                until, attempts = self._transactions.clock(connection) + seconds, row.attempts - (0 if counts else 1)
                _change(connection, row, claim="", claimed_until=until, attempts=attempts)


def seen_registration(connection: Connection, model: ModelId) -> Registration | None:
    """How far the registration of a version is; None where none is under way and none has failed."""
    row = connection.execute(_REGISTRATION.where(*_of(RegistrationRow, model))).one_or_none()
    return None if row is None else _registration(connection, row)


def accept(connection: Connection, decision: Decision, before: Registration | None) -> Registration:
    """Begin to register a version; one that is under way goes on, with the newer signatures of its URLs."""
    draft, urls, passwords = decision
    if before is None or before.has_failed:
        forget(connection, draft.model)
        connection.execute(insert(RegistrationRow), _new(draft, passwords))
        connection.execute(insert(RegistrationFileRow), [_file(draft.model, target, urls[target]) for target in urls])
    else:
        row = update(RegistrationRow).where(*_of(RegistrationRow, draft.model))
        connection.execute(row.values(passwords=dict(passwords)))
        for target, url in urls.items():
            here = *_of(RegistrationFileRow, draft.model), RegistrationFileRow.target == target
            waiting = RegistrationFileRow.sha256.is_(None)
            connection.execute(update(RegistrationFileRow).where(*here, waiting).values(url=url))
    return _registration(connection, connection.execute(_REGISTRATION.where(*_of(RegistrationRow, draft.model))).one())


def forget(connection: Connection, model: ModelId) -> None:
    """Nothing is under way any more, and nothing has failed."""
    for rows in (RegistrationFileRow, RegistrationRow):
        connection.execute(delete(rows).where(*_of(rows, model)))


def keep_passwords(connection: Connection, model: ModelId, passwords: Mapping[str, str]) -> None:
    """Store passwords of a version in the place of earlier ones."""
    for key, password in passwords.items():
        row = {"name": model.name, "version": model.version, "environment": key, "password": password}
        connection.execute(delete(PasswordRow).where(*_of(PasswordRow, model), PasswordRow.environment == key))
        connection.execute(insert(PasswordRow), row)


def _new(draft: Draft, passwords: Mapping[str, str]) -> dict[str, Any]:
    (name, version), moment = draft.model, now()
    return {
        "name": name,
        "version": version,
        "state": "InProgress",
        "message": "",
        "target": "",
        "etag": new_etag(),
        "sections": draft.sections,
        "provenance": draft.provenance,
        "sources": dict(draft.sources),
        "generation": draft.generation,
        "passwords": dict(passwords),
        "attempts": 0,
        "claim": "",
        "claimed_until": 0.0,
        "started": moment,
        "updated": moment,
    }


def _file(model: ModelId, target: str, url: str) -> dict[str, Any]:
    return {"name": model.name, "version": model.version, "target": target, "url": url, "sha256": None, "size": None}


def _of(rows: Any, model: ModelId) -> tuple[Any, ...]:
    return rows.name == model.name, rows.version == model.version


def _claimed(connection: Connection, work: Work) -> Any:
    """The row, while it is this worker's, else None."""
    ours = RegistrationRow.claim == work.claim, RegistrationRow.state == "InProgress"
    query = _REGISTRATION.where(*_of(RegistrationRow, work.draft.model), *ours)
    return connection.execute(query.with_for_update()).one_or_none()


def _change(connection: Connection, row: Any, **columns: Any) -> None:
    here = _of(RegistrationRow, ModelId(row.name, row.version))
    connection.execute(update(RegistrationRow).where(*here).values(columns))


def _fail(connection: Connection, row: Any, target: str, reason: str) -> None:
    """What is secret in a registration goes with the hope for it."""
    columns = {"state": "Failed", "target": target, "message": reason, "updated": now()}
    _change(connection, row, **columns, claim="", passwords={})
    files = update(RegistrationFileRow).where(*_of(RegistrationFileRow, ModelId(row.name, row.version)))
    connection.execute(files.values(url=""))


def _draft(row: Any) -> Draft:
    model = ModelId(row.name, row.version)
    return Draft(model, row.sections, row.provenance, row.sources, row.generation)


def _work(connection: Connection, row: Any, claim: str) -> Work:
    here = _of(RegistrationFileRow, ModelId(row.name, row.version))
    files = connection.execute(select(*RegistrationFileRow.__table__.c).where(*here)).all()
    return Work(
        draft=_draft(row),
        urls={file.target: file.url for file in files if file.sha256 is None},
        copied={file.target: {"sha256": file.sha256, "size": file.size} for file in files if file.sha256 is not None},
        claim=claim,
    )


def _registration(connection: Connection, row: Any) -> Registration:
    here = _of(RegistrationFileRow, ModelId(row.name, row.version))
    waiting = select(RegistrationFileRow.target).where(*here, RegistrationFileRow.sha256.is_(None))
    left, total = len(connection.scalars(waiting).all()), len(row.sections["model_files"])
    return Registration(
        draft=_draft(row),
        has_failed=row.state == "Failed",
        message=row.message,
        target=row.target,
        etag=row.etag,
        started=row.started,
        updated=row.updated,
        copied=total - left,
        total=total,
    )
