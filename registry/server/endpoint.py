"""What every route works with: records, storage and policy, and what a request says of itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from registry.identity import ModelId
from registry.policy import Policy
from registry.server.access import SCHEME, Access
from registry.server.body import MAX_BYTES
from registry.server.copies import Copies
from registry.server.files import Files
from registry.server.problems import ProblemError, invalid
from registry.server.records import Filters, Record, Records, Registration
from registry.storage import Storage
from registry.wire import Json

_DRAINED = 64 * 1024 * 1024  # bytes that are read and dropped, so that a client that still writes sees the answer
_JSON, _MERGE_PATCH = "application/json", "application/merge-patch+json"


@dataclass(frozen=True)
class Endpoint:
    """The parts behind the routes."""

    records: Records
    storage: Storage
    policy: Policy
    access: Access
    copies: Copies | None  # None: files that are not in storage are not registered
    body_seconds: float = 60.0  # in which a body has to come

    def files(self, request: Request) -> Files:
        """Storage as this request sees it."""
        return Files(self.storage, self.copies, str(request.base_url).rstrip("/"), self.policy.sas_hours)

    def visible(self, model: ModelId, *, private: bool) -> Record:
        """The record; ProblemError 404 or 410. Who may not see private versions does not learn of them."""
        record = self.records.get(model)
        if record is None or (record.is_private and not private):
            raise unknown(model, private=private)
        refuse_removed(record)
        return record

    def progress(self, model: ModelId, *, private: bool) -> Json:
        """How far the registration is; ProblemError 404 or 410, as for the record that it may become."""
        seen = self.records.seen(model)
        if seen.record is None and seen.registration is not None:
            if not private and seen.registration.draft.is_private:
                raise unknown(model, private=private)
            return progress(seen.registration)
        record = self.visible(model, private=private)
        times = {"start_time": record.created, "last_updated_time": record.updated}
        return {"state": "Finished", "message": f"{model} is registered", **times}

    def page(self, filters: Filters, *, private: bool) -> tuple[list[Json], str | None]:
        """One page of summaries and the cursor of the next; ProblemError 422 where the cursor is not ours."""
        try:
            return self.records.page(filters, private=private)
        except ValueError as error:
            raise invalid([{"field": "cursor", "detail": str(error)}]) from error


def unknown(model: ModelId, *, private: bool) -> ProblemError:
    """404; to a reader who may not see private versions with the word that a token may see more (RFC 9110, 11.6.1)."""
    headers = {} if private else {"WWW-Authenticate": SCHEME}
    return ProblemError(404, f"{model} is not registered", headers=headers)


def refuse_removed(record: Record) -> None:
    """410 where the version was removed."""
    if record.is_removed:
        raise ProblemError(410, f"{record.model} was removed, and its name stays taken")


def progress(registration: Registration) -> Json:
    """The status of what is not registered yet; `file` names the file that it failed with."""
    copied, total = registration.copied, registration.total
    times = {"start_time": registration.started, "last_updated_time": registration.updated}
    counts = {"files": {"copied": copied, "total": total}}
    if not registration.has_failed:
        return {"state": "InProgress", "message": f"{copied} of {total} files are copied", **times, **counts}
    place = f"`{registration.target}`: " if registration.target else ""
    message = f"{place}{registration.message}. The same or a corrected PUT tries again"
    return {"state": "Failed", "message": message, **times, **counts, "file": registration.target or None}


def to_answer(files: Files, record: Record) -> Json:
    """The record as it is answered, with a URL for each file."""
    model, sections = record.model, record.sections
    urls = {target: files.url(model, target) for target in sections["model_files"]}
    return {
        "name": model.name,
        "version": model.version,
        "model_config": sections["model_config"],
        "model_files": {t: {"url": urls[t], **entry} for t, entry in sections["model_files"].items()},
        "model_metainfo": sections["model_metainfo"],
        "private_packages": [urls[target] for target in sections["private_packages"]],
        "provenance": record.provenance,
        "lifecycle": record.lifecycle,
        "created_time": record.created,
        "last_updated_time": record.updated,
    }


async def _endpoint(request: Request) -> Endpoint:
    endpoint: Endpoint = request.app.state.endpoint
    return endpoint


Here = Annotated[Endpoint, Depends(_endpoint)]


async def _writer(request: Request, here: Here) -> None:
    here.access.may_write(request.headers.get("authorization"), request.headers.get("host", ""))


async def _reader(request: Request, here: Here) -> bool:
    return here.access.sees_private(request.headers.get("authorization"), request.headers.get("host", ""))


async def _model(request: Request, name: str, version: str) -> ModelId:
    if (
        "\0" in name + version and request.method != "PUT"
    ):  # which says what is wrong with it; databases cannot look it up
        raise ProblemError(404, "no name and no version holds a null character")
    return ModelId(name, version)


async def _raw_body(request: Request, here: Here, _: Annotated[None, Depends(_writer)]) -> bytes:
    """The body, counted while it is read: a length may be missing or wrong."""
    kinds = (_JSON, _MERGE_PATCH) if request.method == "PATCH" else (_JSON,)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in kinds:
        raise ProblemError(415, f"the body is sent as {' or '.join(kinds)}")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(here.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= MAX_BYTES:
                    chunks.append(chunk)
                elif size > _DRAINED:
                    break
    except TimeoutError as error:
        detail = f"the body did not come within {here.body_seconds:.0f} s"
        raise ProblemError(408, detail, headers={"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "the body ended early") from error
    if size > MAX_BYTES:
        raise ProblemError(413, f"the body has more than {MAX_BYTES:,} bytes")
    return b"".join(chunks)


Model = Annotated[ModelId, Depends(_model)]
Private = Annotated[bool, Depends(_reader)]  # whether this reader is shown private versions too
Raw = Annotated[bytes, Depends(_raw_body)]
Writes = Depends(_writer)
