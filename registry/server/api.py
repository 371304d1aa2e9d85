"""The endpoint as an application: the registration API, the catalog, and what they answer when something is wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Scope

from registry import __version__
from registry.errors import StorageError
from registry.policy import Policy
from registry.server import catalog, health, openapi, routes
from registry.server.access import Access
from registry.server.copies import Copies
from registry.server.counts import Counts
from registry.server.endpoint import Endpoint
from registry.server.entrance import Entrance
from registry.server.metrics import Metrics
from registry.server.pace import Pace
from registry.server.problems import ProblemError, invalid, pointer, redacted, render_problem
from registry.server.records import OlderGenerationError, Records, RecordsError
from registry.storage import Storage
from registry.tokens import Token, keep
from registry.wire import API

_LOG = logging.getLogger(__name__)
_ROUTERS = ((API, routes.router), ("", health.router), ("", catalog.router))


def make_app(
    *,
    records: Records,
    storage: Storage,
    policy: Policy,
    token: str | None,
    tokens: Sequence[Token] = (),
    copies: Copies | None = None,
    pace: Pace | None = None,
) -> FastAPI:
    """The endpoint over these records and this storage; without tokens it is to be served on loopback only.

    `token` is one more for writing, in clear. Without `copies`, files that are not in storage yet are not registered.
    `pace` is of one token or address; None: they send as many requests as they like.
    """
    known = (*tokens, keep(token, "write", "REGISTRY_TOKEN")) if token is not None else tuple(tokens)
    access = Access(known, policy.public_reads)
    app = _App(
        title="Model registry", version=__version__, docs_url=None, redoc_url=None, generate_unique_id_function=_name_of
    )
    app.state.endpoint = Endpoint(records, storage, policy, access, copies)
    app.state.metrics = Metrics(Counts(records))
    app.state.pace = pace
    app.state.is_leaving = False
    for prefix, router in _ROUTERS:
        app.include_router(router, prefix=prefix)
    for route in app.routes:  # made now: with the first request, other threads would be in the way
        route.matches({"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []})
    for error in _ERRORS:
        app.add_exception_handler(error, _answer)
    return app


_ERRORS: tuple[type[Exception], ...] = (
    *(ProblemError, HTTPException, RequestValidationError),
    *(StorageError, RecordsError, OlderGenerationError, Exception),
)


def _name_of(route: APIRoute) -> str:
    """What a call is named in the document, and so in clients that are made from it."""
    return route.name


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document, complete with what the routes cannot say."""
        if not self.openapi_schema:
            endpoint: Endpoint = self.state.endpoint
            openapi.complete(super().openapi(), endpoint.access)
        return super().openapi()

    def build_middleware_stack(self) -> ASGIApp:
        """All of it behind the entrance, so that what is answered after a mistake has its headers, too."""
        endpoint: Endpoint = self.state.endpoint
        return Entrance(super().build_middleware_stack(), endpoint.access, self.state.metrics, self.state.pace)


async def _answer(request: Request, error: Exception) -> Response:
    problem = _to_problem(error)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request.scope)):
        problem.headers["Allow"] = ", ".join(sorted(allowed))
    is_page = request.url.path == "/" or request.url.path.startswith("/models/")
    if is_page and "text/html" in request.headers.get("accept", ""):
        return catalog.render_problem_page(problem)
    return render_problem(problem)


def _allowed(scope: Scope) -> set[str]:
    """The methods of all routes with this path; the framework names those of the first alone."""
    allowed: set[str] = set()
    for prefix, router in _ROUTERS:
        inner = {"type": "http", "method": scope["method"], "path": scope["path"].removeprefix(prefix)}
        for route in router.routes:
            if isinstance(route, APIRoute) and route.matches(inner)[0] is Match.PARTIAL:
                allowed |= route.methods or set()
    return allowed


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
