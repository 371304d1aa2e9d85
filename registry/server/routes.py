"""The routes of the registration API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from registry.identity import ModelId
from registry.server import examples, openapi
from registry.server.body import Body, parse_body, parse_json
from registry.server.content import MEDIA_TYPES, send_file, send_index_page
from registry.server.endpoint import (
    Here,
    Model,
    Private,
    Raw,
    Writes,
    progress,
    refuse_removed,
    to_answer,
    unknown,
)
from registry.server.files import Files, complete
from registry.server.patch import FROZEN, differences, make_amended, to_detail
from registry.server.preconditions import check_preconditions, is_unchanged
from registry.server.problems import ProblemError, differing, invalid
from registry.server.records import Decision, Draft, Filters, Record, Seen
from registry.wire import Json, model_path, without_query

router = APIRouter(tags=["registration"])

UNDER_WAY = "other content is being registered under this name; wait until its status says how that ended"
_RACES = 10  # times that a request is looked at anew because the record changed meanwhile
_VERSION = "/model/{name}/{version}"


@router.put(
    _VERSION,
    responses={
        200: openapi.answer("The same body again.", openapi.RegisteredVersion),
        201: openapi.answer("Registered.", openapi.RegisteredVersion),
        202: openapi.answer("Its files are being copied; `Location` leads to the status.", openapi.Status),
        **openapi.problems(400, 401, 403, 408, 409, 410, 412, 413, 415, 422, 503),
    },
    openapi_extra=openapi.body(openapi.Registration, "application/json", openapi.EXAMPLE),
)
def put_version(request: Request, here: Here, model: Model, raw: Raw) -> Response:
    """Register a version, or learn that it is registered."""
    body, files = parse_body(model, raw, here.policy), here.files(request)
    found = files.find(model, body.urls)
    if found.keys() == body.urls.keys() and "if-match" not in request.headers:  # as it is for most
        draft = _make_draft(model, body, found)
        if record := here.records.add(draft, body.passwords):
            return _send_record(files, record, 201)

    def decide(seen: Seen) -> Decision:
        check_preconditions(request.headers, seen.record.etag if seen.record else None)
        draft = _make_draft(model, body, complete(found, body.urls, seen.record))
        _refuse_other_content(seen, draft)
        missing = {} if seen.record else files.to_copy(draft.sections["model_files"], body.urls)
        return Decision(draft, missing, body.passwords)

    stored, is_new = here.records.put(model, decide)
    if isinstance(stored, Record):
        return _send_record(files, stored, 201 if is_new else 200)
    if here.copies:
        here.copies.wake()
    location = f"{files.base}{model_path(model)}/status"
    return JSONResponse(progress(stored), 202, {"Location": location, "Retry-After": "1"})


@router.get(
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


@router.patch(
    _VERSION,
    responses={
        200: openapi.answer("Amended.", openapi.RegisteredVersion),
        **openapi.problems(400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 422, 503),
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
        draft = make_amended(record, patch, to_answer(files, record), files, here.policy)
        if amended := here.records.amend(draft, record.etag):
            return _send_record(files, amended, 200)
    raise ProblemError(503, "the record changes too often; try again")


@router.delete(
    _VERSION, status_code=204, responses=openapi.problems(401, 403, 404, 409, 412, 503), dependencies=[Writes]
)
def delete_version(request: Request, here: Here, model: Model) -> Response:
    """Remove a withdrawn version; its name stays taken, its files stay in storage."""

    def guard(stored: Record | None) -> None:
        if stored is None:
            raise unknown(model, private=True)
        check_preconditions(request.headers, stored.etag)
        if not stored.is_removed and stored.lifecycle["state"] != "withdrawn":
            detail = f"{model} is {stored.lifecycle['state']}; only a withdrawn version is removed"
            raise ProblemError(409, detail)

    here.records.remove(model, guard)
    return Response(None, 204)


@router.get(
    f"{_VERSION}/status",
    responses={
        200: openapi.answer("How far it is.", openapi.Status),
        **openapi.problems(404, 410, *openapi.READS),
    },
)
def get_status(here: Here, model: Model, private: Private) -> Response:
    """How far the registration is: finished once the version is there with all its files."""
    return JSONResponse(here.progress(model, private=private), headers={"Cache-Control": "no-store"})


@router.get(
    f"{_VERSION}/index",
    response_class=Response,
    responses={
        200: openapi.content("The page.", "text/markdown", example=examples.PAGE),
        304: {"description": "Not changed."},
        **openapi.problems(404, 410, *openapi.READS),
    },
)
def get_index_page(request: Request, here: Here, model: Model, private: Private) -> Response:
    """The index page as it was registered."""
    return send_index_page(here.storage, here.visible(model, private=private), request.headers)


@router.get(
    f"{_VERSION}/files/{{target:path}}",
    response_class=Response,
    responses={
        200: openapi.content("The bytes.", *MEDIA_TYPES, example=examples.PAGE),
        206: openapi.content("The range that was asked for.", *MEDIA_TYPES, example=examples.PAGE),
        304: {"description": "Not changed."},
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


@router.get(
    "/models",
    responses={
        200: openapi.answer(
            'By name and version; `Link` with rel="next" where there is more.', openapi.Summary, listed=True
        ),
        **openapi.problems(422, *openapi.READS),
    },
)
def list_versions(request: Request, here: Here, private: Private, filters: Annotated[Filters, Query()]) -> Response:
    """The registered versions; withdrawn ones only where `state` asks for them."""
    versions, following = here.page(filters, private=private)
    link = request.url.include_query_params(cursor=following)
    return JSONResponse(versions, headers={"Link": f'<{link}>; rel="next"'} if following else None)


def _make_draft(model: ModelId, body: Body, found: Json) -> Draft:
    fetched = {target: without_query(body.urls[target]) for target, entry in found.items() if "url" in entry}
    sections = {**body.sections, "model_files": found}
    return Draft(model, sections, body.provenance, fetched, body.provenance.get("generation"))


def _refuse_other_content(seen: Seen, draft: Draft) -> None:
    """409 where the name holds other content, or is just being given it; what failed may be corrected."""
    if seen.record:
        refuse_removed(seen.record)
        present, why = seen.record.sections, FROZEN
    elif seen.registration and not seen.registration.has_failed:
        present, why = seen.registration.draft.sections, UNDER_WAY
    else:
        return
    if details := [to_detail(difference) for difference in differences(present, draft.sections)]:
        raise differing(details, why)


def _send_record(files: Files, record: Record, status: int) -> Response:
    headers = {"ETag": record.etag, "Cache-Control": "private, no-cache"}
    if status == 201:
        headers["Location"] = files.base + model_path(record.model)
    return JSONResponse(to_answer(files, record), status, headers)
