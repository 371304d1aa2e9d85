"""The pages of the catalog as text: everything escaped, no script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from registry.server.catalog.document import calls, shapes
from registry.server.problems import ProblemError, redacted
from registry.wire import Json

_HERE = Path(__file__).parent
_STYLE = (_HERE / "style.css").read_text("utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    # Nothing but our own style sheet, known by its digest: no script runs, whatever a descriptor holds.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


def render_versions(versions: Sequence[Json], following: str | None) -> HTMLResponse:
    """The table of versions; `following` is the cursor of the next page."""
    return _page("versions.html", versions=versions, following=following)


def render_version(record: Json, index_page: str) -> HTMLResponse:
    """One version: `record` as the API answers it, and the text of its index page."""
    return _page("version.html", record=record, index_page=index_page)


def render_api(document: Json) -> HTMLResponse:
    """The OpenAPI document for people."""
    about, version = document["info"]["description"], document["openapi"]
    return _page("api.html", about=about, version=version, calls=list(calls(document)), shapes=shapes(document))


def render_problem_page(error: ProblemError) -> HTMLResponse:
    """What went wrong, for somebody with a browser."""
    page = _page("problem.html", status=error.status, detail=redacted(error.detail))
    page.status_code = error.status
    page.headers.update(error.headers)
    return page


def _page(template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(_environment.get_template(template).render(values), headers=_HEADERS)


def _size(size: int) -> str:
    """Bytes in a unit that people read."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _coded(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["size"] = _size
    environment.filters["coded"] = _coded
    environment.globals["style"] = Markup(_STYLE)  # noqa: S704 - our own file
    return environment


_environment = _make_environment()
