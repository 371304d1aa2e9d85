"""One record, what a list of them is narrowed down to, and their order."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from registry.descriptor import Content, Lifecycle, Type
from registry.identity import ModelId, parse_model_id, version_order
from registry.wire import Json

PAGE = 100  # records of one answer, unless the request says otherwise


@dataclass(frozen=True)
class Draft:
    """What is to be stored for one version."""

    model: ModelId
    sections: Json  # canonical: defaults filled in, files by sha256 and size, packages by target, no password
    provenance: Json
    sources: Mapping[str, str]  # target → URL without query, of the files that the endpoint itself fetched
    generation: int | None  # of the lock under which the request was made, where it says

    @property
    def lifecycle(self) -> Json:
        """The lifecycle with its defaults, as `provenance` tells it."""
        return Lifecycle.model_validate(self.provenance.get("lifecycle") or {}).model_dump()

    @property
    def is_private(self) -> bool:
        """Whether only holders of a token may know of it."""
        return bool(self.sections["model_config"]["private"])

    def with_files(self, files: Json) -> Draft:
        """The same with what these files are."""
        return replace(self, sections={**self.sections, "model_files": {**self.sections["model_files"], **files}})


@dataclass(frozen=True)
class Record(Draft):
    """What is stored for one version; times are UTC, ISO 8601."""

    etag: str  # quoted, strong
    created: str
    updated: str
    is_removed: bool

    def entry(self, target: str) -> Json | None:
        """`{sha256, size}` of one file."""
        found: Json | None = self.sections["model_files"].get(target)
        return found


@dataclass(frozen=True)
class Registration:
    """A registration that is under way, or that failed; its version is not there yet."""

    draft: Draft  # `{url}`, without query, for each file that is to be copied
    has_failed: bool
    message: str  # why it failed
    target: str  # of the file that it failed with; empty: with none in particular
    etag: str  # of this attempt: another PUT after a failure is another
    started: str
    updated: str
    copied: int  # files that are in private storage
    total: int


@dataclass(frozen=True)
class Work:
    """A registration for the one who copies its files."""

    draft: Draft
    urls: Mapping[str, str] = field(repr=False)  # target → source as it was sent, of what is still to be copied
    copied: Mapping[str, Json]  # target → `{sha256, size}`, by whoever began
    claim: str


class Seen(NamedTuple):
    """What there is under a name."""

    record: Record | None = None
    registration: Registration | None = None


class Decision(NamedTuple):
    """What a PUT comes to, in view of what was seen."""

    draft: Draft
    urls: Mapping[str, str] = {}  # target → URL of each file that is to be copied first
    passwords: Mapping[str, str] = {}  # key of `model_config` → secret, which no call gives back


Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]  # the one character that some databases cannot hold


class Filters(BaseModel):
    """What a list is narrowed down to; withdrawn versions are in it only where `state` asks for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text | None = None
    version: Text | None = None
    type: Type | None = None
    input_type: Content | None = None
    output_type: Content | None = None
    language: Text | None = Field(default=None, description="canonical key or tag, of input or output")
    license: Text | None = None
    trainable: bool | None = None
    state: Literal["active", "deprecated", "withdrawn"] | None = None
    q: Text | None = Field(
        default=None,
        max_length=200,
        description="part of name or description, in any case; of one or two characters: how a name begins",
    )
    limit: int = Field(default=PAGE, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="from the `Link` of the page before")


def make_cursor(model: ModelId) -> str:
    """The opaque name of a place in the order of records."""
    return base64.urlsafe_b64encode(str(model).encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> ModelId:
    """The version after which the page starts; raises ValueError."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError("this is not a cursor") from error
    model = parse_model_id(text)
    if model is None:
        raise ValueError("this is not a cursor")
    return model


def sortable(version: str) -> str:
    """Text that sorts, byte by byte, as `version_order` sorts the version."""
    public, local, spelled = version_order(version)
    return f"{_sortable_runs(public)} {_sortable_runs(local)} {spelled}"


def _sortable_runs(runs: Any) -> str:
    # Letters rank below numbers, as their -1 does; digits are led by how many they are; a blank ends a word first.
    return "".join(f"{rank}1{len(str(n)):02}{n}" if n >= 0 else f"{rank}0{word} " for rank, n, word in runs)
