"""The OpenAPI document: what the routes cannot say of themselves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from registry.descriptor import Configuration, Content, Lifecycle, Metainfo, Type
from registry.server.problems import MEDIA_TYPE

_REF = "#/components/schemas/"


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ErrorDetail(_Document):
    """One thing that is wrong."""

    pointer: str | None = Field(None, description="JSON pointer into the body")
    field: str | None = Field(None, description="dotted path, or a parameter of the URL")
    detail: str
    rule: str | None = Field(None, description="`registry explain RULE` tells more")


class Problem(_Document):
    """RFC 9457; `message` and `error_message` repeat `detail`."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    error_message: str
    errors: list[ErrorDetail] = Field(default_factory=list)


class Registration(_Document):
    """The body of a PUT; further sections are allowed and not kept."""

    configuration: Configuration = Field(alias="model_config")
    model_files: dict[str, str] = Field(description="target → URL that is read without further authentication")
    model_metainfo: Metainfo
    private_packages: list[str] = Field(default_factory=list, description="URLs that are in `model_files` too")
    provenance: dict[str, Any] = Field(default_factory=dict, description="with `license`, `parent`, `lifecycle` in it")


class Amendment(_Document):
    """A JSON merge patch (RFC 7396) of what a registered version may change."""

    configuration: dict[str, Any] = Field(default_factory=dict, alias="model_config")
    model_files: dict[str, str | None] = Field(default_factory=dict, description="page files: a URL, or null")
    model_metainfo: dict[str, Any] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)


class StoredFile(_Document):
    """One file of a registered version."""

    url: str
    size: int
    sha256: str


class RegisteredVersion(_Document):
    """A registered version; passwords are in no answer."""

    name: str
    version: str
    configuration: Configuration = Field(alias="model_config")
    model_files: dict[str, StoredFile]
    model_metainfo: Metainfo
    private_packages: list[str]
    provenance: dict[str, Any]
    lifecycle: Lifecycle
    created_time: str
    last_updated_time: str


class CopiedFiles(_Document):
    """How many files of a registration are in private storage."""

    copied: int
    total: int


class Status(_Document):
    """How far a registration is."""

    state: Literal["InProgress", "Finished", "Failed"]
    message: str
    start_time: str
    last_updated_time: str
    files: CopiedFiles | None = Field(None, description="while it is not finished")
    file: str | None = Field(None, description="the file that it failed with")


class Summary(_Document):
    """One line of a list."""

    name: str
    version: str
    type: Type
    description: str
    private: bool
    num_params: int
    trainable: bool
    license: str | None
    state: str
    input_types: list[Content]
    input_languages: list[str]
    output_types: list[Content]
    output_languages: list[str]
    created_time: str
    last_updated_time: str


EXAMPLE = {
    "model_config": {
        "type": "DECODER",
        "description": "Completes a line of the Zen of Python.",
        "inference_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"},
    },
    "model_files": {
        "inference.py": "https://account.blob.core.windows.net/uploads/zen/inference.py?sp=r&sig=…",
        "environment.yml": "https://account.blob.core.windows.net/uploads/zen/environment.yml?sp=r&sig=…",
        "index.md": "https://account.blob.core.windows.net/uploads/zen/index.md?sp=r&sig=…",
    },
    "model_metainfo": {
        "index_page_file": "index.md",
        "input_types": ["NATURAL_LANGUAGE"],
        "input_languages": ["en"],
        "input_description": "The first words of a line.",
        "output_types": ["NATURAL_LANGUAGE"],
        "output_languages": ["en"],
        "output_description": "The rest of the line.",
        "num_params": 141056,
    },
}
_DEPRECATED = {"state": "deprecated", "reason": "It was trained on too little."}
AMENDMENT_EXAMPLE = {"model_config": {"private": False}, "provenance": {"lifecycle": _DEPRECATED}}

_ERRORS = {
    400: "The body is not JSON.",
    401: "A token is needed, or the one sent is not valid.",
    403: "Not allowed here.",
    404: "Not registered, or not shown to everybody.",
    409: "Registered with other content, or not in the state for this; says which fields.",
    410: "Removed; the name stays taken.",
    412: "A precondition does not hold, or the lock's generation is an older one.",
    413: "The body has more than 8 MiB.",
    415: "The body is not declared as JSON.",
    416: "The range begins behind the end of the file.",
    422: "Findings: what is wrong with the request, all at once.",
    503: "Storage or database does not answer; try again.",
}
READS = (401, 403, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}
    return {status: {"description": _ERRORS[status], "content": content} for status in sorted(statuses)}


def answer(description: str, schema: type[BaseModel], *, listed: bool = False) -> dict[str, Any]:
    """An answer with a value of this schema, or a list of them."""
    reference: dict[str, Any] = {"$ref": f"{_REF}{schema.__name__}"}
    content = {"schema": {"type": "array", "items": reference} if listed else reference}
    return {"description": description, "content": {"application/json": content}}


def body(schema: type[BaseModel], media_type: str, example: Any) -> dict[str, Any]:
    """The body that a route reads."""
    content = {media_type: {"schema": {"$ref": f"{_REF}{schema.__name__}"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas that the routes refer to, and the way to send a token."""
    shown = (Problem, Registration, Amendment, RegisteredVersion, Status, Summary)
    _, schemas = models_json_schema([(model, "validation") for model in shown], ref_template=_REF + "{model}")
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        _drop_foreign_errors(operation["responses"])
    components = document.setdefault("components", {})
    # Ours alone: errors are problems here, never what the framework would answer of itself.
    components["schemas"] = schemas["$defs"]
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}, {}]
    return document


def _drop_foreign_errors(responses: dict[str, Any]) -> None:
    """The framework names an error of its own wherever a path has parameters; here that is a problem, or never."""
    foreign = responses.get("422", {}).get("content", {})
    foreign.pop("application/json", None)
    if not foreign:
        responses.pop("422", None)
