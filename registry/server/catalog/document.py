"""The OpenAPI document as a page shows it: its calls and shapes, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from registry.wire import Json

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


class Sample(NamedTuple):
    """An example of a body or an answer."""

    media_type: str
    shape: str  # in words
    reference: str  # the shape's name, where it has one
    text: str


class Answer(NamedTuple):
    """One answer of a call."""

    status: str
    description: str
    headers: tuple[str, ...]
    samples: tuple[Sample, ...]


class Call(NamedTuple):
    """One call of the API."""

    identity: str
    method: str
    path: str
    summary: str
    parameters: tuple[Json, ...]  # name, in, required, description, kind, example
    body: tuple[Sample, ...]
    answers: tuple[Answer, ...]


class Property(NamedTuple):
    """One key of a shape."""

    name: str
    kind: str
    is_required: bool
    description: str


def calls(document: Json) -> Iterator[Call]:
    """The calls of the document, in its order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Call(
                operation["operationId"],
                method.upper(),
                path,
                operation.get("description", ""),
                tuple(_parameter(parameter) for parameter in operation.get("parameters", ())),
                _samples(operation.get("requestBody", {})),
                tuple(_answer(status, answer) for status, answer in operation["responses"].items()),
            )


def shapes(document: Json) -> Mapping[str, tuple[str, tuple[Property, ...]]]:
    """Name → description and keys."""
    return {
        name: (schema.get("description", ""), tuple(_properties(schema)))
        for name, schema in document["components"]["schemas"].items()
    }


def kind_of(schema: Json) -> str:
    """What a value is, in words."""
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return " or ".join(kind_of(choice) for choice in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"list of {kind_of(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {kind_of(schema['additionalProperties'])}"
        case "object":
            return "object"
        case list() as kinds:
            return ", ".join(_WORDS[kind] for kind in kinds)
        case str() as kind:
            return _WORDS[kind]
    return "anything"


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _parameter(parameter: Json) -> Json:
    return {"description": "", "example": "", **parameter, "kind": kind_of(parameter["schema"])}


def _answer(status: str, answer: Json) -> Answer:
    return Answer(status, answer["description"], tuple(answer.get("headers", ())), _samples(answer))


def _samples(answer: Json) -> tuple[Sample, ...]:
    """The examples, as they are sent; several kinds of one file have one."""
    found = answer.get("content", {})
    return tuple(_sample(media_type, found[media_type]) for media_type in list(found)[:1])


def _sample(media_type: str, content: Json) -> Sample:
    schema, example = content["schema"], content["example"]
    is_json = media_type.endswith("json")
    text = json.dumps(example, indent=2, ensure_ascii=False) if is_json else str(example)
    inner = schema.get("items", schema)
    return Sample(media_type, kind_of(schema), _name(inner) if "$ref" in inner else "", text)


def _properties(schema: Json) -> Iterator[Property]:
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        yield Property(name, kind_of(value), name in required, value.get("description", ""))
