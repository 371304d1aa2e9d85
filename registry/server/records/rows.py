"""Rows ↔ records."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from registry.identity import ModelId
from registry.server.records.record import Draft, Record, sortable
from registry.wire import Json

Facet = tuple[str, str]  # kind and value
LISTED: Facet = ("listed", "true")  # active or deprecated
PUBLIC: Facet = ("public", "true")
SHOWN = (
    *("name", "version", "type", "description", "private", "num_params", "trainable", "license", "state"),
    *("metainfo", "created", "updated"),
)


def new_row(draft: Draft) -> dict[str, Any]:
    """The columns of a new version."""
    columns, (name, version) = columns_of(draft), draft.model
    place = {"name": name, "version": version, "rank": sortable(version)}
    return {**place, **columns, "generation": draft.generation or 0, "created": columns["updated"]}


def columns_of(draft: Draft) -> dict[str, Any]:
    """What a draft says, in columns, under a new etag."""
    configuration, metainfo = draft.sections["model_config"], draft.sections["model_metainfo"]
    return {
        **{key: configuration[key] for key in ("type", "description", "private")},
        "trainable": configuration["training_properties"] is not None,
        "num_params": metainfo["num_params"],
        "license": draft.provenance.get("license"),
        "state": draft.lifecycle["state"],
        "configuration": configuration,
        "metainfo": metainfo,
        "files": draft.sections["model_files"],
        "packages": draft.sections["private_packages"],
        "provenance": draft.provenance,
        "sources": dict(draft.sources),
        "updated": now(),
        "etag": new_etag(),
    }


def known(row: Any) -> Record:
    """What the columns of a version say."""
    sections = {"model_config": row.configuration, "model_files": row.files, "model_metainfo": row.metainfo}
    return Record(
        model=ModelId(row.name, row.version),
        sections={**sections, "private_packages": row.packages},
        provenance=row.provenance,
        sources=row.sources,
        generation=row.generation,
        etag=row.etag,
        created=row.created,
        updated=row.updated,
        is_removed=row.state == "removed",
    )


def facets(draft: Draft) -> Iterator[Facet]:
    """What a version is found by; one that was removed is not found."""
    configuration, metainfo = draft.sections["model_config"], draft.sections["model_metainfo"]
    state, given = draft.lifecycle["state"], draft.provenance.get("license")
    yield from (("version", draft.model.version), ("type", configuration["type"]), ("state", state))
    yield "trainable", "true" if configuration["training_properties"] is not None else "false"
    if given is not None:
        yield "license", given
    if state in ("active", "deprecated"):
        yield LISTED
    if not configuration["private"]:
        yield PUBLIC
    for kind in ("input_type", "output_type"):
        yield from ((kind, value) for value in metainfo[f"{kind}s"])
    languages = chain(metainfo["input_languages"], metainfo["output_languages"])
    yield from (("language", value) for value in dict.fromkeys(languages))


def text_of(draft: Draft) -> str:
    """The text in which a version is searched for."""
    return folded(f"{draft.model.name}\n{draft.sections['model_config']['description']}")


def folded(text: str) -> str:
    """One spelling in any case."""
    return text.casefold()


def summary(row: Any) -> Json:
    """One line of a list, of the columns that are shown."""
    keys = ("name", "version", "type", "description", "private", "num_params", "trainable", "license", "state")
    lists = ("input_types", "input_languages", "output_types", "output_languages")
    times = {"created_time": row.created, "last_updated_time": row.updated}
    return {**{k: getattr(row, k) for k in keys}, **{k: row.metainfo[k] for k in lists}, **times}


def new_etag() -> str:
    """A strong etag that nothing else has."""
    return f'"{secrets.token_hex(16)}"'


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
