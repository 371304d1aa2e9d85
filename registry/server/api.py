"""The registration API."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import registry
from registry.errors import StorageError
from registry.identity import ModelId
from registry.policy import Policy
from registry.server import catalog, openapi
from registry.server.access import Access
from registry.server.body import MAX_BYTES, Body, parse_body, parse_json
from registry.server.content import read_index_page, send_file, send_index_page
from registry.server.files import Fetch, Files
from registry.server.patch import FROZEN, differences, make_amended, to_detail
from registry.server.preconditions import check_preconditions, is_unchanged
from registry.server.problems import Detail, ProblemError, differing, invalid, pointer, render_problem
from registry.server.records import (
    Draft,
    Filters,
    OlderGenerationError,
    Record,
    Records,
    RecordsError,
    is_same,
)
from registry.storage import Storage
from registry.wire import API, Json, without_query

__all__ = ["Fetch", "make_app"]

_LOG = logging.getLogger(__name__)
_DRAINED = 64 * 1024 * 1024  # bytes that are read and dropped, so that a client that still writes sees the answer
_RACES = 5  # times that a patch is made anew because the record changed meanwhile


@dataclass(frozen=True)
class Endpoint:
    """What every route works with."""

    records: Records
    storage: Storage
    policy: Policy
    access: Access
    fetch: Fetch | None

    def files(self, request: Request) -> Files:
        """Storage as this request sees it."""
        return Files(self.storage, self.fetch, str(request.base_url).rstrip("/"), self.policy.sas_hours)

    def visible(self, model: ModelId, *, private: bool) -> Record:
        """The record; ProblemError 404 or 410. Who may not see private versions does not learn of them."""
        record = self.records.get(model)
        if record is None or (record.is_private and not private):
            raise _unknown(model)
        _refuse_removed(record)
        return record


def make_app(
    *, records: Records, storage: Storage, policy: Policy, token: str | None, fetch: Fetch | None = None
) -> FastAPI:
    """The endpoint over these records and this storage; without a token it must be served on loopback only."""
    app = _App(title="Model registry", version=registry.__version__, docs_url=None, redoc_url=None)
    app.state.endpoint = Endpoint(records, storage, policy, Access(token, policy.public_reads), fetch)
    app.include_router(_health)
    app.include_router(_api, prefix=API)
    app.include_router(_pages)
    for error, render in _RENDERERS.items():
        app.add_exception_handler(error, _answer(render))
    return app


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document, complete with what the routes cannot say."""
        if not self.openapi_schema:
            openapi.complete(super().openapi())
        return super().openapi()


async def _endpoint(request: Request) -> Endpoint:
    endpoint: Endpoint = request.app.state.endpoint
    return endpoint


Here = Annotated[Endpoint, Depends(_endpoint)]


async def _writer(request: Request, here: Here) -> None:
    here.access.may_write(request.headers.get("authorization"), request.headers.get("host", ""))


async def _reader(request: Request, here: Here) -> bool:
    return here.access.sees_private(request.headers.get("authorization"), request.headers.get("host", ""))


async def _model(name: str, version: str) -> ModelId:
    return ModelId(name, version)


async def _raw_body(request: Request, _: Annotated[None, Depends(_writer)]) -> bytes:
    """The body, counted while it is read: a length may be missing or wrong."""
    kinds = ("application/json", "application/merge-patch+json")[: 2 if request.method == "PATCH" else 1]
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in kinds:
        raise ProblemError(415, f"the body is sent as {' or '.join(kinds)}")
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BYTES:
                chunks.append(chunk)
            elif size > _DRAINED:
                break
    except ClientDisconnect as error:
        raise ProblemError(400, "the body ended early") from error
    if size > MAX_BYTES:
        raise ProblemError(413, f"the body has more than {MAX_BYTES:,} bytes")
    return b"".join(chunks)


Model = Annotated[ModelId, Depends(_model)]
Private = Annotated[bool, Depends(_reader)]  # whether this reader is shown private versions too
Raw = Annotated[bytes, Depends(_raw_body)]
Writes = Depends(_writer)

_api = APIRouter(tags=["registration"])
_health = APIRouter(tags=["health"])
_pages = APIRouter(include_in_schema=False)
_VERSION = "/model/{name}/{version}"


@_api.put(
    _VERSION,
    responses={
        200: openapi.answer("The same body again.", openapi.RegisteredVersion),
        201: openapi.answer("Registered.", openapi.RegisteredVersion),
        **openapi.problems(400, 401, 403, 409, 410, 412, 413, 415, 422, 503),
    },
    openapi_extra=openapi.body(openapi.Registration, "application/json", openapi.EXAMPLE),
)
def put_version(request: Request, here: Here, model: Model, raw: Raw) -> Response:
    """Register a version, or learn that it is registered."""
    body = parse_body(model, raw, here.policy)
    files, existing = here.files(request), here.records.get(model)
    if existing:
        _refuse_removed(existing)
    found = files.find(model, body.urls, existing)
    if here.fetch is None or existing is None:
        found = files.bring(model, found, body.urls, new=body.urls)
    draft = _draft(model, body, found)

    def guard(stored: Record | None) -> None:
        check_preconditions(request.headers, stored.etag if stored else None)
        if stored:
            _refuse_removed(stored)
            _refuse_other_content(stored, draft)

    record, is_new = here.records.put(draft, body.passwords, guard)
    return _send_record(files, record, 201 if is_new else 200)


@_api.get(
    _VERSION,
    responses={
        200: openapi.answer("The record.", openapi.RegisteredVersion),
        304: {"description": "Not changed."},
        **openapi.problems(404, 410, *openapi.READS),
    },
)
def get_version(request: Request, here: Here, model: Model, private: Private) -> Response:
    """What is registered under this name and version."""
    record = here.visible(model, private=private)
    if is_unchanged(request.headers, record.etag):
        return Response(None, 304, {"ETag": record.etag})
    return _send_record(here.files(request), record, 200)


@_api.patch(
    _VERSION,
    responses={
        200: openapi.answer("Amended.", openapi.RegisteredVersion),
        **openapi.problems(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 503),
    },
    openapi_extra=openapi.body(openapi.Amendment, "application/merge-patch+json", openapi.AMENDMENT_EXAMPLE),
)
def patch_version(request: Request, here: Here, model: Model, raw: Raw) -> Response:
    """Change what a registered version may change."""
    files = here.files(request)
    for _ in range(_RACES):
        record = here.visible(model, private=True)
        check_preconditions(request.headers, record.etag)
        patch = parse_json(raw)
        if not isinstance(patch, dict):
            raise invalid([{"pointer": "", "detail": "the patch is a JSON object"}])
        draft = make_amended(record, patch, _to_json(files, record), files, here.policy)
        if amended := here.records.amend(draft, record.etag):
            return _send_record(files, amended, 200)
    raise ProblemError(503, "the record changes too often; try again")


@_api.delete(
    _VERSION, status_code=204, responses=openapi.problems(401, 403, 404, 409, 412, 503), dependencies=[Writes]
)
def delete_version(request: Request, here: Here, model: Model) -> Response:
    """Remove a withdrawn version; its name stays taken, its files stay in storage."""

    def guard(stored: Record | None) -> None:
        if stored is None:
            raise _unknown(model)
        check_preconditions(request.headers, stored.etag)
        if not stored.is_removed and stored.lifecycle["state"] != "withdrawn":
            detail = f"{model} is {stored.lifecycle['state']}; only a withdrawn version is removed"
            raise ProblemError(409, detail)

    here.records.remove(model, guard)
    return Response(None, 204)


@_api.get(
    f"{_VERSION}/status",
    responses={
        200: openapi.answer("How far it is.", openapi.Status),
        **openapi.problems(404, 410, *openapi.READS),
    },
)
def get_status(here: Here, model: Model, private: Private) -> Response:
    """How far the registration is: finished, since a version is there only with all its files."""
    record = here.visible(model, private=private)
    times = {"start_time": record.created, "last_updated_time": record.updated}
    return JSONResponse({"state": "Finished", "message": f"{model} is registered", **times})


@_api.get(
    f"{_VERSION}/index",
    responses={
        200: {"description": "Markdown.", "content": {"text/markdown": {}}},
        **openapi.problems(404, 410, *openapi.READS),
    },
)
def get_index_page(request: Request, here: Here, model: Model, private: Private) -> Response:
    """The index page as it was registered."""
    return send_index_page(here.storage, here.visible(model, private=private), request.headers)


@_api.get(
    f"{_VERSION}/files/{{target:path}}",
    responses={
        200: {"description": "The bytes.", "content": {"application/octet-stream": {}}},
        206: {"description": "The range that was asked for."},
        307: {"description": "To a read-only URL that is good for a short time."},
        **openapi.problems(404, 410, 416, *openapi.READS),
    },
)
def get_file(request: Request, here: Here, model: Model, target: str, private: Private) -> Response:
    """One file of the version."""
    record = here.visible(model, private=private)
    if record.entry(target) is None:
        raise ProblemError(404, f"{model} has no file `{target}`")
    return send_file(here.storage, record, target, request.headers)


@_api.get(
    "/models",
    responses={
        200: openapi.answer(
            'By name and version; `Link` with rel="next" where there is more.', openapi.Summary, listed=True
        ),
        **openapi.problems(422, *openapi.READS),
    },
)
def list_versions(
    request: Request, here: Here, private: Private, filters: Annotated[Filters, Query()]
) -> Response:
    """The registered versions; withdrawn ones only where `state` asks for them."""
    versions, following = _page(here, filters, private=private)
    link = request.url.include_query_params(cursor=following)
    return JSONResponse(versions, headers={"Link": f'<{link}>; rel="next"'} if following else None)


@_health.get("/healthz")
async def is_alive() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


@_health.get("/readyz", responses=openapi.problems(503))
def is_ready(here: Here) -> Response:
    """Whether database and storage answer, and which instance this is."""
    here.records.check()
    here.storage.stat(".registry/state.json")
    return JSONResponse({"status": "ok", "instance": here.records.instance})


@_pages.get("/")
def show_versions(here: Here, private: Private, cursor: str | None = None) -> Response:
    """The catalog's first page."""
    return catalog.render_versions(*_page(here, Filters(cursor=cursor), private=private))


@_pages.get("/models/{name}/{version}")
def show_version(request: Request, here: Here, model: Model, private: Private) -> Response:
    """The catalog's page of one version."""
    record = here.visible(model, private=private)
    return catalog.render_version(_to_json(here.files(request), record), read_index_page(here.storage, record))


def _page(here: Endpoint, filters: Filters, *, private: bool) -> tuple[list[Json], str | None]:
    try:
        return here.records.page(filters, private=private)
    except ValueError as error:
        raise invalid([{"field": "cursor", "detail": str(error)}]) from error


def _draft(model: ModelId, body: Body, files: Json) -> Draft:
    fetched = {t: without_query(url) for t, url in body.urls.items() if "url" in files[t]}
    return Draft(model, {**body.sections, "model_files": files}, body.provenance, fetched, body.provenance.get("generation"))
