"""The routes of the catalog."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from registry.server.catalog.render import render_api, render_version, render_versions
from registry.server.content import read_index_page
from registry.server.endpoint import Here, Model, Private, to_answer
from registry.server.records import Filters

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_versions(here: Here, private: Private, cursor: str | None = None) -> Response:
    """The catalog's first page."""
    return render_versions(*here.page(Filters(cursor=cursor), private=private))


@router.get("/api")
def show_api(request: Request) -> Response:
    """The API, as the OpenAPI document describes it."""
    return render_api(request.app.openapi())


@router.get("/models/{name}/{version}")
def show_version(request: Request, here: Here, model: Model, private: Private) -> Response:
    """The catalog's page of one version."""
    record = here.visible(model, private=private)
    return render_version(to_answer(here.files(request), record), read_index_page(here.storage, record))
