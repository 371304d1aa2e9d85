"""How the endpoint is: whether it lives, whether it takes requests, and its measures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from registry.server import examples, metrics, openapi
from registry.server.access import unauthorized
from registry.server.endpoint import Here, Private
from registry.server.problems import ProblemError

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: openapi.answer("It does.", openapi.Health)})
async def is_alive() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={200: openapi.answer("They do.", openapi.Readiness), **openapi.problems(503)})
def is_ready(request: Request, here: Here) -> Response:
    """Whether database and storage answer, and which instance this is."""
    if request.app.state.is_leaving:
        raise ProblemError(503, "the endpoint is shutting down; another answers, or this one after its start")
    here.records.check()
    here.storage.stat(".registry/state.json")
    return JSONResponse({"status": "ok", "instance": here.records.instance, "generation": here.records.generation()})


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: openapi.content("The measures.", "text/plain", example=examples.MEASURES),
        **openapi.problems(401, 403),
    },
)
def show_metrics(request: Request, private: Private) -> Response:
    """Measures for Prometheus; where there are tokens, for their holders alone."""
    if not private:
        raise unauthorized(request.headers.get("authorization"))
    return Response(request.app.state.metrics.render(), media_type=metrics.MEDIA_TYPE)
