"""The descriptor: what stands in `models/<name>/<version>/model.yaml`, as closed and frozen types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from registry.nodes import Plain
from registry.wire import ENVIRONMENTS, PASSWORD

Type = Literal["ENCODER", "DECODER", "SEQ2SEQ"]
Content = Literal["SOURCE_CODE", "NATURAL_LANGUAGE", "CLASS_LABEL", "OTHER"]
State = Literal["active", "deprecated", "withdrawn", "removed"]


def _resolve(value: Any) -> Any:
    """A YAML scalar as the number or truth value that it also is."""
    return value.value if isinstance(value, Plain) else value


def _check_argument(value: Any) -> Any:
    """A scalar that JSON can carry, as the number or truth value that it also is."""
    scalar = _resolve(value)
    if not isinstance(scalar, str | int | float) or (isinstance(scalar, float) and not math.isfinite(scalar)):
        raise PydanticCustomError("argument_type", "Input should be text, a finite number, true or false")
    return scalar


Count = Annotated[int, Strict(), Field(ge=1, le=10**15), BeforeValidator(_resolve)]
Size = Annotated[int, Strict(), Field(ge=0, le=10**15), BeforeValidator(_resolve)]  # bytes
Truth = Annotated[bool, Strict(), BeforeValidator(_resolve)]
Argument = Annotated[
    str | int | float | bool,
    Field(union_mode="smart"),
    BeforeValidator(_check_argument),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\r\n]*$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Closed(BaseModel):
    """A part of the descriptor: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class DockerRegistry(Closed):
    """Where an image is pulled from, and as whom."""

    url: Name = Field(description="The registry's host, such as `registry.example.com`.")
    username: Name = Field(description="Who pulls the image.")
    password: Name = Field(
        repr=False,
        description="In a descriptor only ever a name, `${env:REGISTRY_DOCKER_PASSWORD_<X>}`: the settings bind X to "
        "the registry, and reconcile takes the value from its environment.",
    )

    @property
    def team(self) -> str | None:
        """X of `${env:REGISTRY_DOCKER_PASSWORD_<X>}`; None where something else is written."""
        match = re.fullmatch(PASSWORD, self.password)
        return match.group(1) if match else None


class Environment(Closed):
    """How one script is run: the script, and a conda file or a docker image or both."""

    entry_script: Name = Field(description="The script: a key of `model_files` that ends in `.py`.")
    conda_env: Name | None = Field(
        default=None, description="The conda file: a key of `model_files` that ends in `.yml` or `.yaml`."
    )
    docker_image: Name | None = Field(
        default=None,
        description="The image to run in, as `docker pull` takes it: `registry/name:tag` or `registry/name@digest`.",
    )
    docker_registry: DockerRegistry | None = Field(
        default=None, description="For an image that is not public: where it is pulled from, and as whom."
    )


class Training(Environment):
    """An environment whose script takes arguments."""

    args: dict[str, Argument] = Field(
        default_factory=dict, description="Arguments of the script: `--lr: 0.001`; of one without a value, `-v: ''`."
    )


class Configuration(Closed):
    """What the model is, and how its scripts are run."""

    type: Type = Field(description="What the model is built of: an encoder, a decoder, or both.")
    description: Line = Field(default="", description="What the model does, on one line of at most 200 characters.")
    private: Truth = Field(default=True, description="Whether only those with a token see the version.")
    inference_properties: Environment = Field(description="How the model answers requests.")
    training_properties: Training | None = Field(default=None, description="How the model is trained further.")
    preprocessing_properties: Environment | None = Field(
        default=None, description="How data is prepared for the model."
    )

    def environments(self) -> Iterator[tuple[str, Environment]]:
        """The environments that are there, by key."""
        for key in ENVIRONMENTS:
            if (environment := getattr(self, key)) is not None:
                yield key, environment


Source = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class File(Closed):
    """Where a target's bytes come from, and for a pinned remote one what they are."""

    source: Source = Field(description="`./file` beside the descriptor, or an https URL on the allow-list.")
    sha256: Sha256 | None = Field(default=None, description="The digest of the bytes: 64 hex digits in lower case.")
    size: Size | None = Field(default=None, description="How many bytes there are.")

    @property
    def local(self) -> str | None:
        """The path beside the descriptor; None for a remote source."""
        return self.source[2:] if self.source.startswith("./") else None


def _long_form(value: Any) -> Any:
    """The short form of a source is its URL or path alone."""
    if not isinstance(value, str | dict):
        raise PydanticCustomError("source_type", "Input should be text or a mapping")
    return {"source": value} if isinstance(value, str) else value


_LANGUAGES = "Canonical keys such as `PYTHON`, or BCP-47 tags such as `pt-BR`."
Languages = Annotated[tuple[Name, ...], Field(max_length=200)]
Contents = Annotated[tuple[Content, ...], Field(min_length=1, max_length=4)]


class Metainfo(Closed):
    """The model described for those who use it."""

    index_page_file: Name = Field(description="The page about the model: a key of `model_files` that ends in `.md`.")
    input_types: Contents = Field(description="What the model reads.")
    input_languages: Languages = Field(default=(), description=f"The languages of what the model reads. {_LANGUAGES}")
    input_description: Prose = Field(description="What the model reads, in words.")
    output_types: Contents = Field(description="What the model writes.")
    output_languages: Languages = Field(default=(), description=f"The languages of what the model writes. {_LANGUAGES}")
    output_description: Prose = Field(description="What the model writes, in words.")
    num_params: Count = Field(description="How many parameters the model has; weights that are shared count once.")
    images: Annotated[tuple[Name, ...], Field(max_length=20)] = Field(
        default=(),
        description="Pictures on the index page: keys of `model_files` that end in png, jpg, jpeg, gif or webp.",
    )


class Lifecycle(Closed):
    """Where a version stands between active and removed."""

    state: State = Field(
        default="active",
        description="Deprecated: better not used. Withdrawn: not shown. Removed: gone, and its name with it.",
    )
    reason: Line = Field(default="", description="Why, on one line of at most 200 characters.")
    replaced_by: Name | None = Field(default=None, description="The version to use in its place, as `name/version`.")


class Descriptor(Closed):
    """One version of a model, as its author describes it."""

    configuration: Configuration = Field(
        alias="model_config", description="What the model is, and how its scripts are run."
    )
    model_files: dict[str, Annotated[File, BeforeValidator(_long_form, json_schema_input_type=Source | File)]] = Field(
        min_length=1,
        max_length=1000,
        description="The name under which users get each file, and where its bytes come from: `./file`, a URL, or "
        "a source with its `sha256` and `size`.",
    )
    model_metainfo: Metainfo = Field(description="The model described for those who use it.")
    private_packages: Annotated[tuple[Name, ...], Field(max_length=50)] = Field(
        default=(), description="Python packages to install first: keys of `model_files` that are wheels or sdists."
    )
    license: Name | None = Field(default=None, description="An SPDX expression, such as `MIT` or `Apache-2.0 OR MIT`.")
    parent: Name | None = Field(default=None, description="The version it was made from, as `name/version`.")
    lifecycle: Lifecycle = Field(
        default=Lifecycle(), description="Where the version stands between active and removed."
    )


class Removal(Closed):
    """What is left of a removed version: the word that it was removed, and why."""

    lifecycle: Lifecycle = Field(description="`state: removed`, and the reason.")
