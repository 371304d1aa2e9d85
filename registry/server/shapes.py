"""The shapes of bodies and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from registry.descriptor import Configuration, Content, Lifecycle, Metainfo, Sha256, Type

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=4096)]
State = Literal["active", "deprecated", "withdrawn"]


class Shape(BaseModel):
    """A JSON object; what a later version adds to it is no mistake."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ErrorDetail(Shape):
    """One thing that is wrong."""

    pointer: str | None = Field(None, description="JSON pointer into the body.")
    field: str | None = Field(None, description="Dotted path, or a parameter of the URL.")
    detail: str = Field(description="What is wrong, and what to do.")
    rule: str | None = Field(None, description="`registry explain RULE` tells more.")


class Problem(Shape):
    """RFC 9457; `message` and `error_message` repeat `detail` for clients that look there."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    error_message: str
    errors: list[ErrorDetail] = Field(default_factory=list, description="All that is wrong, not only the first.")


class Registration(Shape):
    """The body of a PUT; further sections are allowed and not kept."""

    configuration: Configuration = Field(alias="model_config")
    model_files: dict[str, Url] = Field(
        description="Target → URL that is read without further authentication, so with a SAS where it needs one.",
        min_length=1,
        max_length=1000,
    )
    model_metainfo: Metainfo
    private_packages: list[Url] = Field(default_factory=list, description="URLs that are in `model_files` too.")
    provenance: dict[str, Any] = Field(default_factory=dict, description="With `license`, `parent`, `lifecycle` in it.")


class Amendment(Shape):
    """A JSON merge patch (RFC 7396) of what a registered version may change."""

    configuration: dict[str, Any] = Field(default_factory=dict, alias="model_config")
    model_files: dict[str, Url | None] = Field(default_factory=dict, description="Page files: a URL, or null.")
    model_metainfo: dict[str, Any] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)


class StoredFile(Shape):
    """One file of a registered version."""

    url: str = Field(description="Where it is read: a read-only URL that ends, or the endpoint's own.")
    size: int = Field(description="Bytes.")
    sha256: Sha256


class RegisteredVersion(Shape):
    """A registered version; passwords are in no answer."""

    name: str
    version: str
    configuration: Configuration = Field(alias="model_config")
    model_files: dict[str, StoredFile]
    model_metainfo: Metainfo
    private_packages: list[str]
    provenance: dict[str, Any]
    lifecycle: Lifecycle
    created_time: str = Field(description="UTC, ISO 8601.")
    last_updated_time: str = Field(description="UTC, ISO 8601.")


class CopiedFiles(Shape):
    """How many files of a registration are in private storage."""

    copied: int
    total: int


class Status(Shape):
    """How far a registration is."""

    state: Literal["InProgress", "Finished", "Failed"]
    message: str = Field(description="In words; of one that failed, the file and the reason.")
    start_time: str = Field(description="UTC, ISO 8601.")
    last_updated_time: str = Field(description="UTC, ISO 8601.")
    files: CopiedFiles | None = Field(None, description="While it is not finished.")
    file: str | None = Field(None, description="The file that it failed with.")


class Summary(Shape):
    """One line of a list."""

    name: str
    version: str
    type: Type
    description: str
    private: bool
    num_params: int
    trainable: bool
    license: str | None
    state: State
    input_types: list[Content]
    input_languages: list[str]
    output_types: list[Content]
    output_languages: list[str]
    created_time: str
    last_updated_time: str


class Health(Shape):
    """That the process answers."""

    status: Literal["ok"]


class Readiness(Health):
    """That database and storage answer, too."""

    instance: str = Field(description="Of the database: another one knows other versions.")
    generation: int = Field(description="The highest generation of a lock that has written here.")
