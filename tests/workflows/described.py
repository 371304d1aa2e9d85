"""GitHub's published description of its API, as far as we call it: what it allows, and what it wants to be there."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI

DESCRIPTION: dict[str, Any] = json.loads(Path(__file__).with_name("github-api.json").read_text())
A_TIME = "2026-01-02T03:04:05Z"

Json = dict[str, Any]


@cache
def openapi() -> OpenAPI:
    """The description, ready to judge."""
    return OpenAPI.from_dict(DESCRIPTION)


def operation(method: str, path: str) -> Json:
    """The description of a request's path, whose variables stand in braces."""
    parts = path.strip("/").split("/")
    for pattern, operations in DESCRIPTION["paths"].items():
        wanted = pattern.split("/")[4:]
        if len(wanted) == len(parts) and all(w == p or w[0] == "{" for w, p in zip(wanted, parts, strict=True)):
            found: Json = operations.get(method.lower(), {})
            if found:
                return found
    raise LookupError(f"{method} {path} is not described")


def complete(schema: Json, found: Any) -> Any:
    """What is known, with whatever else the description wants to be there."""
    if "$ref" in schema:
        kind, name = schema["$ref"].split("/")[2:]
        return complete(DESCRIPTION["components"][kind][name], found)
    if schema.get("type") == "array":
        return [complete(schema["items"], one) for one in found or ()]
    if found is None and schema.get("nullable"):
        return None
    for part in schema.get("allOf", ()):
        found = complete(part, found)
    if "allOf" in schema:
        return found
    for choices in (schema[key] for key in ("oneOf", "anyOf") if key in schema):
        return complete(choices[-1], found) if found is None or isinstance(found, dict) else found
    if schema.get("type") == "object" or "properties" in schema:
        known = dict(found or {})
        properties = schema.get("properties", {})
        wanted = {*schema.get("required", ()), *(known.keys() & properties.keys())}
        return known | {key: complete(properties[key], known.get(key)) for key in wanted if key in properties}
    return _scalar(schema) if found is None else found


def _scalar(schema: Json) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    text = {"date-time": A_TIME, "uri": "https://github.example/-"}.get(schema.get("format", ""), "-")
    return {"integer": 1, "number": 1, "boolean": False}.get(schema.get("type", "string"), text)
