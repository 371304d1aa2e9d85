"""Registrations whose files are not all in private storage yet: who copies them, and how far they are."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from registry.identity import ModelId
from registry.server.records.finding import make_findable
from registry.server.records.record import Draft, Registration, Work
from registry.server.records.rows import new_etag, new_row, now
from registry.server.records.sessions import Sessions
from registry.server.records.tables import PasswordRow, RegistrationFileRow, RegistrationRow
from registry.wire import Json

ATTEMPTS = 5  # after which a registration has failed: it may be what ends the process that copies it
_CLAIM = "which registration is copied by whom"


class Registrations:
    """Those that are under way, and those that failed until the same or another PUT follows."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def claim(self, seconds: float) -> Work | None:
        """One that nobody copies, ours for some seconds unless renewed; None where there is none.

        One that was begun too often is failed instead.
        """
        with self._sessions.writing(_CLAIM) as session:
            moment = self._sessions.clock(session)
            waiting = RegistrationRow.state == "InProgress", RegistrationRow.claimed_until <= moment
            query = select(RegistrationRow).where(*waiting).order_by(RegistrationRow.claimed_until).limit(1)
            row = session.scalar(query.with_for_update(skip_locked=True))
            if row is None:
                return None
            if row.attempts >= ATTEMPTS:
                _fail(session, row, "", f"its copy was begun {ATTEMPTS} times and never ended; send it again")
                return None
            row.attempts, row.claim, row.claimed_until = row.attempts + 1, secrets.token_hex(16), moment + seconds
            return _work(session, row)

    def renew(self, claims: Collection[str], seconds: float) -> set[str]:
        """Keep what is still ours of these claims for some seconds more; which those are."""
        with self._sessions.writing(_CLAIM) as session:
            until = self._sessions.clock(session) + seconds
            ours = RegistrationRow.claim.in_(claims), RegistrationRow.state == "InProgress"
            session.execute(update(RegistrationRow).where(*ours).values(claimed_until=until))
            return set(session.scalars(select(RegistrationRow.claim).where(*ours)))

    def note_copied(self, work: Work, target: str, entry: Json) -> None:
        """One more file is there: its URL, and whatever signs it, is needed no more."""
        with self._sessions.writing(str(work.draft.model)) as session:
            if row := _claimed(session, work):
                file = session.get(RegistrationFileRow, (*work.draft.model, target))
                if file is not None:
                    file.url, file.sha256, file.size = "", entry["sha256"], entry["size"]
                row.updated = now()

    def finish(self, work: Work, files: Json) -> bool:
        """The version is registered with these files, for all to see at once; False where it is no more ours."""
        with self._sessions.writing(str(work.draft.model)) as session:
            row = _claimed(session, work)
            if row is None:
                return False
            draft = work.draft.with_files(files)
            version = new_row(draft)
            version.generation = draft.generation or 0
            session.add(version)
            session.flush()  # the row first, since others refer to it
            make_findable(session, draft)
            keep_passwords(session, draft.model, row.passwords)
            forget(session, draft.model)
        self._sessions.settle()
        return True

    def fail(self, work: Work, target: str, reason: str) -> None:
        """It has failed with this file (empty: with none in particular), for a reason without secrets."""
        with self._sessions.writing(str(work.draft.model)) as session:
            if row := _claimed(session, work):
                _fail(session, row, target, reason)
        self._sessions.settle()

    def release(self, work: Work, *, seconds: float = 0.0, counts: bool) -> None:
        """Whoever comes first after some seconds may go on; whether this attempt counts."""
        with self._sessions.writing(str(work.draft.model)) as session:
            if row := _claimed(session, work):
                row.claim, row.claimed_until = "", self._sessions.clock(session) + seconds
                row.attempts -= 0 if counts else 1


def seen_registration(session: Session, model: ModelId) -> Registration | None:
    """How far the registration of a version is; None where none is under way and none has failed."""
    row = session.get(RegistrationRow, tuple(model))
    return None if row is None else _registration(session, row)


def accept(session: Session, draft: Draft, urls: Mapping[str, str], passwords: Mapping[str, str]) -> Registration:
    """Begin to register a version; one that is under way goes on, with the newer signatures of its URLs."""
    row = session.get(RegistrationRow, tuple(draft.model))
    if row is None or row.state != "InProgress":
        forget(session, draft.model)
        row = _new(draft)
        session.add(row)
        session.flush()
    row.passwords = dict(passwords)
    for target, url in urls.items():
        file = session.get(RegistrationFileRow, (*draft.model, target))
        if file is None:
            name, version = draft.model
            session.add(RegistrationFileRow(name=name, version=version, target=target, url=url))
        elif file.sha256 is None:
            file.url = url
    session.flush()
    return _registration(session, row)


def forget(session: Session, model: ModelId) -> None:
    """Nothing is under way any more, and nothing has failed."""
    for rows in (RegistrationFileRow, RegistrationRow):
        session.execute(delete(rows).where(rows.name == model.name, rows.version == model.version))
    session.expire_all()


def keep_passwords(session: Session, model: ModelId, passwords: Mapping[str, str]) -> None:
    """Store passwords of a version in the place of earlier ones."""
    for key, password in passwords.items():
        session.merge(PasswordRow(name=model.name, version=model.version, environment=key, password=password))


def _new(draft: Draft) -> RegistrationRow:
    (name, version), moment = draft.model, now()
    return RegistrationRow(
        name=name,
        version=version,
        state="InProgress",
        message="",
        target="",
        etag=new_etag(),
        sections=draft.sections,
        provenance=draft.provenance,
        sources=dict(draft.sources),
        generation=draft.generation,
        passwords={},
        attempts=0,
        claim="",
        claimed_until=0.0,
        started=moment,
        updated=moment,
    )


def _claimed(session: Session, work: Work) -> RegistrationRow | None:
    """The row, while it is this worker's."""
    query = select(RegistrationRow).where(
        RegistrationRow.name == work.draft.model.name,
        RegistrationRow.version == work.draft.model.version,
        RegistrationRow.claim == work.claim,
        RegistrationRow.state == "InProgress",
    )
    return session.scalar(query.with_for_update())


def _fail(session: Session, row: RegistrationRow, target: str, reason: str) -> None:
    """What is secret in a registration goes with the hope for it."""
    row.state, row.target, row.message, row.updated = "Failed", target, reason, now()
    row.claim, row.passwords = "", {}
    session.execute(update(RegistrationFileRow).where(*_files_of(row)).values(url=""))


def _files_of(row: RegistrationRow) -> tuple[Any, ...]:
    return RegistrationFileRow.name == row.name, RegistrationFileRow.version == row.version


def _draft(row: RegistrationRow) -> Draft:
    model = ModelId(row.name, row.version)
    return Draft(model, row.sections, row.provenance, row.sources, row.generation)


def _work(session: Session, row: RegistrationRow) -> Work:
    files = session.scalars(select(RegistrationFileRow).where(*_files_of(row))).all()
    return Work(
        draft=_draft(row),
        urls={file.target: file.url for file in files if file.sha256 is None},
        copied={file.target: {"sha256": file.sha256, "size": file.size} for file in files if file.sha256 is not None},
        claim=row.claim,
    )


def _registration(session: Session, row: RegistrationRow) -> Registration:
    waiting = select(RegistrationFileRow.target).where(*_files_of(row), RegistrationFileRow.sha256.is_(None))
    left = len(session.scalars(waiting).all())
    total = len(row.sections["model_files"])
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
