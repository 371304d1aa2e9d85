"""The endpoint as an application: the registration API, the catalog, and what they answer when something is wrong."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from registry import __version__
from registry.errors import StorageError
from registry.policy import Policy
from registry.server import catalog, openapi, routes
from registry.server.access import Access
from registry.server.copies import Copies
from registry.server.endpoint import Endpoint, Here
from registry.server.problems import ProblemError, invalid, pointer, redacted, render_problem
from registry.server.records import OlderGenerationError, Records, RecordsError
from registry.storage import Storage
from registry.wire import API

_LOG = logging.getLogger(__name__)


def make_app(
    *, records: Records, storage: Storage, policy: Policy, token: str | None, copies: Copies | None = None
) -> FastAPI:
    """The endpoint over these records and this storage; without a token it is to be served on loopback only.

    Without `copies`, files that are not in storage yet are not registered.
    """
    app = _App(title="Model registry", version=__version__, docs_url=None, redoc_url=None)
    app.state.endpoint = Endpoint(records, storage, policy, Access(token, policy.public_reads), copies)
    app.include_router(_health)
    app.include_router(routes.router, prefix=API)
    app.include_router(catalog.router)
    for error in _ERRORS:
        app.add_exception_handler(error, _answer)
    return app


_ERRORS: tuple[type[Exception], ...] = (
    *(ProblemError, HTTPException, RequestValidationError),
    *(StorageError, RecordsError, OlderGenerationError, Exception),
)


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document, complete with what the routes cannot say."""
        if not self.openapi_schema:
            openapi.complete(super().openapi())
        return super().openapi()


_health = APIRouter(tags=["health"])


@_health.get("/healthz")
async def is_alive() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


@_health.get("/readyz", responses=openapi.problems(503))
def is_ready(here: Here) -> Response:
    """Whether database and storage answer, and which instance this is."""
    here.records.check()
    here.storage.stat(".registry/state.json")
    return JSONResponse({"status": "ok", "instance": here.records.instance, "generation": here.records.generation()})


async def _answer(request: Request, error: Exception) -> Response:
    problem = _to_problem(error)
    is_page = request.url.path == "/" or request.url.path.startswith("/models/")
    if is_page and "text/html" in request.headers.get("accept", ""):
        return catalog.render_problem_page(problem)
    return render_problem(problem)


def _to_problem(error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case HTTPException():
            return ProblemError(error.status_code, f"{error.detail}", headers=error.headers)
        case RequestValidationError():
            return invalid([{"field": pointer(e["loc"][1:]).lstrip("/"), "detail": e["msg"]} for e in error.errors()])
        case OlderGenerationError():
            return ProblemError(412, str(error))
        case StorageError() | RecordsError():
            part = "private storage" if isinstance(error, StorageError) else "the database"
            _LOG.warning("%s", redacted(str(error)))
            return ProblemError(503, f"{part} does not answer; try again", headers={"Retry-After": "5"})
    return ProblemError(500, "this is a mistake of the endpoint; its log says more")
