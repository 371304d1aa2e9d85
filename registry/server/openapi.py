"""The OpenAPI document: what the routes cannot say of themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from registry.identity import NAME_PATTERN, VERSION_PATTERN
from registry.server import examples
from registry.server.access import Access
from registry.server.problems import MEDIA_TYPE
from registry.server.shapes import (
    Amendment,
    Health,
    Problem,
    Readiness,
    RegisteredVersion,
    Registration,
    Shape,
    Status,
    Summary,
)
from registry.wire import Json

__all__ = [
    "AMENDMENT_EXAMPLE", "EXAMPLE", "READS", "Amendment", "Health", "Readiness", "RegisteredVersion", "Registration",
    "Status", "Summary", "answer", "body", "complete", "content", "problems",
]  # fmt: skip

EXAMPLE, AMENDMENT_EXAMPLE = examples.REGISTRATION, examples.AMENDMENT
READS = (401, 403, 503)

_REF = "#/components/schemas/"
_ALWAYS = (400, 429, 500, 503)  # what each call may answer, whatever it is about
_ABOUT = """Registers versions of models, and gives them to those who use them.

Writes, and reads where the settings do not open them, carry `Authorization: Bearer TOKEN`; a token is for `read` or for
`write`, which holds `read`. Every answer has an `X-Request-ID`: the one of the request, or a new one. What is wrong is
said as RFC 9457 has it, all of it at once."""
_ERRORS = {
    400: "The request is none that HTTP knows, or its body is not JSON.",
    401: "A token is needed, or the one sent is not valid.",
    403: "The token does not allow it; or there are no tokens, and this is no loopback name.",
    404: "Not registered, or not shown to everybody.",
    408: "The body did not come in time.",
    409: "Registered with other content, or not in the state for this; says which fields.",
    410: "Removed; the name stays taken.",
    412: "A precondition does not hold, or the lock's generation is an older one.",
    413: "The body has more than 8 MiB.",
    415: "The body is not declared as JSON.",
    416: "The range begins behind the end of the file.",
    422: "Findings: what is wrong with the request, all at once.",
    429: "More requests than one caller may send.",
    500: "A mistake of the endpoint; its log says more, under the answer's `X-Request-ID`.",
    503: "Storage or database does not answer, or too many ask at once; try again.",
}
_TEXT: Json = {"type": "string"}
_SENT = {  # operation → the headers that it looks at
    "put_version": ("If-Match", "If-None-Match"),
    "get_version": ("If-None-Match",),
    "patch_version": ("If-Match", "If-None-Match"),
    "delete_version": ("If-Match", "If-None-Match"),
    "get_index_page": ("If-None-Match",),
    "get_file": ("If-None-Match", "Range", "If-Range"),
}
_CONDITIONS = {
    "If-Match": 'An `ETag`, such as `"5d41402abc4b2a76"`: only if the record is still this one; `*`: if there is one.',
    "If-None-Match": "An `ETag`: only if the record is another; `*`: if there is none.",
    "If-Range": "An `ETag`: the range of this file, or all of another.",
    "Range": "Such as `bytes=0-1023`, one range.",
}
_SAID: dict[str, tuple[str, ...]] = {  # status → the headers of such an answer
    "201": ("ETag", "Location"),
    "202": ("Location",),
    "206": ("Content-Range",),
    "304": ("ETag",),
    "307": ("Location",),
    "401": ("WWW-Authenticate",),
    "416": ("Content-Range",),
    "429": ("Retry-After",),
}
_SAID_WITH = {  # operation → the headers of its ordinary answer
    **dict.fromkeys(("put_version", "get_version", "patch_version", "get_index_page"), ("ETag",)),
    "get_file": ("ETag", "Accept-Ranges", "Content-Disposition"),
    "list_versions": ("Link",),
}
_HEADERS = {
    "X-Request-ID": "Under which the log tells of this request.",
    "ETag": "Strong; for `If-Match` and `If-None-Match`.",
    "Location": "Where the record, the status or the bytes are.",
    "Link": 'The next page, with rel="next"; none on the last.',
    "Accept-Ranges": "`bytes`.",
    "Content-Disposition": "`attachment`, but for pictures.",
    "Content-Range": "Which bytes of how many.",
    "WWW-Authenticate": "`Bearer`, and what is wrong with the token.",
    "Retry-After": "Seconds.",
}
_FOLLOWING = ("get_version", "patch_version", "delete_version", "get_status", "get_index_page")
_OPEN = frozenset({"is_alive", "is_ready"})  # calls that need no token, ever


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer."""
    return {status: _problem(status) for status in sorted(statuses)}


def answer(description: str, schema: type[BaseModel], *, listed: bool = False) -> dict[str, Any]:
    """An answer with a value of this schema, or a list of them."""
    reference: Json = {"$ref": f"{_REF}{schema.__name__}"}
    example = examples.ANSWERS[schema.__name__]
    shown: Json = {"schema": {"type": "array", "items": reference} if listed else reference}
    shown["example"] = [example] if listed else example
    return {"description": description, "content": {"application/json": shown}}


def content(description: str, *media_types: str, example: str) -> dict[str, Any]:
    """An answer of text; or of bytes, whose example is text, too."""
    schema = _TEXT if media_types[0].startswith("text/") else {"type": "string", "format": "binary"}
    return {
        "description": description,
        "content": {kind: {"schema": schema, "example": example} for kind in media_types},
    }


def body(schema: type[BaseModel], media_type: str, example: Any) -> dict[str, Any]:
    """The body that a route reads."""
    shown = {media_type: {"schema": {"$ref": f"{_REF}{schema.__name__}"}, "example": example}}
    return {"requestBody": {"required": True, "content": shown}}


def complete(document: Json, access: Access) -> Json:
    """The document with the schemas that the routes refer to, headers, examples, all errors, and who needs a token."""
    document["info"] |= {"summary": "The registration API.", "description": _ABOUT, "license": {"name": "MIT"}}
    for path in document["paths"].values():
        for method, operation in path.items():
            _complete_operation(operation)
            operation["security"] = list(_security(operation["operationId"], access, is_read=method == "get"))
    components = document.setdefault("components", {})
    # Ours alone: errors are problems here, never what the framework would answer of itself.
    components["schemas"] = _schemas()
    components["headers"] = {name: {"description": text, "schema": _TEXT} for name, text in _HEADERS.items()}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "As `registry token` makes it."}
    }
    return document


def _complete_operation(operation: Json) -> None:
    identity, responses = operation["operationId"], operation["responses"]
    _drop_foreign_errors(responses)
    for status in _ALWAYS:
        responses.setdefault(str(status), _problem(status))
    operation["responses"] = dict(sorted(responses.items()))
    if identity == "put_version":
        responses["200"]["links"] = responses["201"]["links"] = _links()
    for status, response in responses.items():
        for name in (
            "X-Request-ID",
            *_SAID.get(status, ()),
            *(_SAID_WITH.get(identity, ()) if status == "200" else ()),
        ):
            response.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}
    parameters = [*operation.get("parameters", ()), *_headers_of(identity)]
    for parameter in parameters:
        _complete_parameter(parameter)
    if parameters:
        operation["parameters"] = parameters


def _security(identity: str, access: Access, *, is_read: bool) -> Iterator[Json]:
    """The token that a call needs; nothing beside it where it needs none."""
    if identity not in _OPEN:
        yield {"token": []}
        if not access.tokens or (is_read and access.public_reads and identity != "show_metrics"):
            yield {}


def _links() -> Json:
    """What can be asked about a version that was just registered."""
    of_this = {"name": "$response.body#/name", "version": "$response.body#/version"}
    return {identity: {"operationId": identity, "parameters": of_this} for identity in _FOLLOWING}


def _headers_of(identity: str) -> Iterator[Json]:
    for name in _SENT.get(identity, ()):
        yield {"name": name, "in": "header", "required": False, "schema": dict(_TEXT), "description": _CONDITIONS[name]}


def _complete_parameter(parameter: Json) -> None:
    name, schema = parameter["name"], parameter["schema"]
    schema.pop("title", None)
    if parameter["in"] == "path" and name in ("name", "version"):
        schema["pattern"] = f"^{NAME_PATTERN if name == 'name' else VERSION_PATTERN}$"
    if name in examples.PARAMETERS:  # a condition in each example would have them all refused
        parameter["example"] = examples.PARAMETERS[name]


def _problem(status: int) -> Json:
    text = _ERRORS[status]
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    example |= dict.fromkeys(("detail", "message", "error_message"), text)
    if status in (409, 422):
        example["errors"] = examples.ERRORS
    shown = {"schema": {"$ref": f"{_REF}{Problem.__name__}"}, "example": example}
    return {"description": text, "content": {MEDIA_TYPE: shown}}


def _drop_foreign_errors(responses: Json) -> None:
    """The framework names an error of its own wherever a path has parameters; here that is a problem, or never."""
    foreign = responses.get("422", {}).get("content", {})
    foreign.pop("application/json", None)
    if not foreign:
        responses.pop("422", None)


def _schemas() -> Json:
    """All shapes by name; what is answered has no password, and what is sent has one in clear."""
    sent = _definitions(Registration, Amendment)
    shown = _definitions(Problem, RegisteredVersion, Status, Summary, Health, Readiness)
    registry = shown["DockerRegistry"]
    registry["required"].remove("password")
    del registry["properties"]["password"]
    sent["DockerRegistry"]["properties"]["password"] |= {
        "description": "The secret itself; it is kept, and is in no answer.",
        "writeOnly": True,
    }
    twins = {name for name in shown if name in sent and _has_registry(name, shown)}
    return dict(sorted({**_renamed(shown, twins), **sent}.items()))


def _definitions(*shapes: type[Shape]) -> Json:
    found: Json = models_json_schema([(shape, "validation") for shape in shapes], ref_template=_REF + "{model}")[1]
    for definition in found["$defs"].values():
        _drop_titles(definition)
    return dict(found["$defs"])


def _drop_titles(definition: Json) -> None:
    """Titles repeat the keys, and generators of clients take them for names."""
    for schema in (definition, *definition.get("properties", {}).values()):
        schema.pop("title", None)


def _has_registry(name: str, definitions: Json) -> bool:
    """Whether a shape holds credentials, at whatever depth."""
    below = {other for other in definitions if f'"{_REF}{other}"' in json.dumps(definitions[name])}
    return name == "DockerRegistry" or any(_has_registry(other, definitions) for other in below - {name})


def _renamed(definitions: Json, names: set[str]) -> Json:
    """The definitions with another name for some, wherever it stands."""
    text = json.dumps({f"Stored{name}" if name in names else name: shape for name, shape in definitions.items()})
    for name in names:
        text = text.replace(f'"{_REF}{name}"', f'"{_REF}Stored{name}"')
    renamed: Json = json.loads(text)
    return renamed
