"""The JSON Schema of the descriptor, for editors: its types, and what rules hold beyond them as far as a schema can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from registry.descriptor import Descriptor, Removal
from registry.languages import World, programming_languages
from registry.wire import PASSWORD, Json

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TAG = "^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$"  # the shape of BCP-47
_TARGET = r"^(?:[^/\\]*[^/\\. ](?:/(?=.)|$))+$"  # no part is empty or ends with a dot or a space
_SOURCE = {"pattern": r"^(?:\./|https?://)"}


class _Types(GenerateJsonSchema):
    """The types alone, without titles, which repeat the keys, and without defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - of no field
        return False

    def str_schema(self, schema: core_schema.StringSchema) -> Json:
        """What YAML reads as a number or a truth value is text where text is wanted."""
        return super().str_schema(schema) | {"type": ["string", "number", "boolean"]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Json:
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return {"anyOf": [inner, {"type": "null"}]}
        types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
        return inner | {"type": [*types, "null"]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        says_something = isinstance(schema.get("default"), bool | str) and schema.get("default") != ""
        return super().default_schema(schema) if says_something else self.generate_inner(schema["schema"])


def make_schema() -> Json:
    """Draft 2020-12: a descriptor, or what is left of a removed version."""
    models = [(Descriptor, "validation"), (Removal, "validation")]
    definitions = models_json_schema(models, schema_generator=_Types)[1]["$defs"]  # type: ignore[arg-type]
    definitions["Descriptor"]["properties"]["model_files"]["additionalProperties"]["anyOf"][0] |= _SOURCE
    for name, more in _beyond_types().items():
        _add(definitions.setdefault(name, {}), more)
    for definition in definitions.values():
        definition.pop("title", None)
    is_removed = {"type": "object", "required": ["state"], "properties": {"state": {"const": "removed"}}}
    return {
        "$schema": _DIALECT,
        "title": "Descriptor",
        "description": "One version of a model, as `models/<name>/<version>/model.yaml` describes it.",
        "if": {"type": "object", "required": ["lifecycle"], "properties": {"lifecycle": is_removed}},
        "then": {"$ref": "#/$defs/Removal"},
        "else": {"$ref": "#/$defs/Descriptor"},
        "$defs": dict(sorted(definitions.items())),
    }


def _beyond_types() -> Mapping[str, Json]:
    """What is added to each definition."""
    environment = _properties(entry_script=_ending("py"), conda_env=_ending("yml", "yaml"))
    environment["anyOf"] = [_given(key, {"not": {"type": "null"}}) for key in ("conda_env", "docker_image")]
    languages = {"uniqueItems": True, "items": {"$ref": "#/$defs/Language"}}
    once = {"uniqueItems": True}
    return {
        "Language": {"anyOf": [{"enum": programming_languages()}, {"type": "string", "pattern": _TAG}]},
        "DockerRegistry": _properties(password={"pattern": f"^{PASSWORD}$"}),
        "Environment": environment,
        "Training": environment,
        "File": _properties(source=_SOURCE),
        "Metainfo": {
            "allOf": [*_languages("input"), *_languages("output")],
            "properties": {
                "index_page_file": _ending("md"),
                "images": once | {"items": _ending("png", "jpg", "jpeg", "gif", "webp")},
                **{f"{side}_types": once for side in ("input", "output")},
                **{f"{side}_languages": languages for side in ("input", "output")},
            },
        },
        "Lifecycle": {
            "if": _given("state", {"enum": ["deprecated", "withdrawn", "removed"]}),
            "then": _given("reason", {"pattern": r"\S"}),
        },
        "Descriptor": _properties(
            model_files={"propertyNames": {"minLength": 1, "maxLength": 512, "pattern": _TARGET}},
            private_packages=once | {"items": _ending("whl", r"tar\.gz", "zip")},
        ),
    }


def _languages(side: str) -> list[Json]:
    """Languages are listed exactly where a type has them."""
    types, languages = f"{side}_types", f"{side}_languages"
    worlds = [world.value for world in World]
    some = _given(types, {"type": "array", "contains": {"enum": worlds}})
    none = _given(types, {"type": "array", "items": {"not": {"enum": worlds}}})
    return [
        {"if": some, "then": {"required": [languages]} | _properties(**{languages: {"minItems": 1}})},
        {"if": none, "then": _properties(**{languages: {"maxItems": 0}})},
    ]


def _properties(**more: Json) -> Json:
    return {"properties": more}


def _given(key: str, value: Json) -> Json:
    """Whether the key is there, with such a value."""
    return {"required": [key]} | _properties(**{key: value})


def _ending(*suffixes: str) -> Json:
    """Text that ends so, in upper or lower case."""
    letters = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix) for suffix in suffixes)
    return {"pattern": rf"\.(?:{letters})$"}


def _add(to: Json, more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(to.get(key), dict):
            _add(to[key], value)
        else:
            to[key] = value
