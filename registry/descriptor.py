"""The descriptor: what stands in `models/<name>/<version>/model.yaml`, as closed and frozen types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints
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


Integer = Annotated[int, Strict(), BeforeValidator(_resolve)]
Truth = Annotated[bool, Strict(), BeforeValidator(_resolve)]
Argument = Annotated[str | int | float | bool, Field(union_mode="smart"), BeforeValidator(_check_argument)]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\r\n]*$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Closed(BaseModel):
    """A part of the descriptor: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class DockerRegistry(Closed):
    """Where an image is pulled from; the password is only ever a name of an environment variable."""

    url: Name
    username: Name
    password: Name = Field(repr=False)

    @property
    def team(self) -> str | None:
        """X of `${env:REGISTRY_DOCKER_PASSWORD_<X>}`; None where something else is written."""
        match = re.fullmatch(PASSWORD, self.password)
        return match.group(1) if match else None


class Environment(Closed):
    """How one script is run: the script, and a conda file or a docker image or both."""

    entry_script: Name
    conda_env: Name | None = None
    docker_image: Name | None = None
    docker_registry: DockerRegistry | None = None


class Training(Environment):
    """An environment whose script takes arguments."""

    args: dict[str, Argument] = Field(default_factory=dict)


class Configuration(Closed):
    """`model_config`: what the model is and how its scripts are run."""

    type: Type
    description: Line = ""
    private: Truth = True
    inference_properties: Environment
    training_properties: Training | None = None
    preprocessing_properties: Environment | None = None

    def environments(self) -> Iterator[tuple[str, Environment]]:
        """The environments that are there, by key."""
        for key in ENVIRONMENTS:
            if (environment := getattr(self, key)) is not None:
                yield key, environment


class File(Closed):
    """Where a target's bytes come from, and for a pinned remote one what they are."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    sha256: Sha256 | None = None
    size: Annotated[Integer, Field(ge=0, le=10**15)] | None = None  # bytes

    @property
    def local(self) -> str | None:
        """The path beside the descriptor; None for a remote source."""
        return self.source[2:] if self.source.startswith("./") else None


def _long_form(value: Any) -> Any:
    """The short form of a source is its URL or path alone."""
    if not isinstance(value, str | dict):
        raise PydanticCustomError("source_type", "Input should be text or a mapping")
    return {"source": value} if isinstance(value, str) else value


Languages = Annotated[tuple[Name, ...], Field(max_length=200)]
Contents = Annotated[tuple[Content, ...], Field(min_length=1, max_length=4)]


class Metainfo(Closed):
    """`model_metainfo`: the model described for those who use it."""

    index_page_file: Name
    input_types: Contents
    input_languages: Languages = ()
    input_description: Prose
    output_types: Contents
    output_languages: Languages = ()
    output_description: Prose
    num_params: Annotated[Integer, Field(ge=1, le=10**15)]
    images: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class Lifecycle(Closed):
    """Where a version stands between active and removed."""

    state: State = "active"
    reason: Line = ""
    replaced_by: Name | None = None


class Descriptor(Closed):
    """One version of a model, as its author describes it."""

    configuration: Configuration = Field(alias="model_config")
    model_files: dict[str, Annotated[File, BeforeValidator(_long_form)]] = Field(min_length=1, max_length=1000)
    model_metainfo: Metainfo
    private_packages: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    license: Name | None = None
    parent: Name | None = None
    lifecycle: Lifecycle = Lifecycle()


class Removal(Closed):
    """What is left of a removed version: the word that it was removed, and why."""

    lifecycle: Lifecycle
