"""Rows ↔ records."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from registry.identity import ModelId
from registry.server.records.record import Draft, Record, sortable
from registry.server.records.tables import VersionRow
from registry.wire import Json

Facet = tuple[str, str]  # kind and value
LISTED: Facet = ("listed", "true")  # active or deprecated
PUBLIC: Facet = ("public", "true")
SHOWN = (
    *("name", "version", "type", "description", "private", "num_params", "trainable", "license", "state"),
    *("metainfo", "created", "updated"),
)


def new_row(draft: Draft) -> VersionRow:
    """The row of a new version."""
    (name, version), moment = draft.model, now()
    row = VersionRow(name=name, version=version, rank=sortable(version), generation=0, created=moment)
    fill(row, draft)
    row.updated = moment
    return row


def fill(row: VersionRow, draft: Draft) -> None:
    """Put a draft into its row, under a new etag."""
    configuration, metainfo = draft.sections["model_config"], draft.sections["model_metainfo"]
    row.type, row.description, row.private = (configuration[key] for key in ("type", "description", "private"))
    row.trainable = configuration["training_properties"] is not None
    row.num_params, row.license = metainfo["num_params"], draft.provenance.get("license")
    row.state = draft.lifecycle["state"]
    row.configuration, row.metainfo = configuration, metainfo
    row.files, row.packages = draft.sections["model_files"], draft.sections["private_packages"]
    row.provenance, row.sources = draft.provenance, dict(draft.sources)
    row.updated, row.etag = now(), new_etag()


def record_of(row: VersionRow | None) -> Record | None:
    """What a row says; None where there is none."""
    return None if row is None else known(row)


def known(row: VersionRow) -> Record:
    """What a row says."""
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
