"""What is stored for a version, made without an endpoint."""

from __future__ import annotations

from typing import Any

from registry.descriptor import Descriptor
from registry.identity import ModelId
from registry.server.records import Draft, Record, Records
from registry.wire import make_request
from tests.build import a_descriptor


def a_draft(model: str, *, provenance: dict[str, Any] | None = None, **changes: Any) -> Draft:
    """The draft of `name/version`; changes as in `a_descriptor`."""
    descriptor = Descriptor.model_validate(a_descriptor(**changes))
    files = {target: {"sha256": "0" * 64, "size": 7} for target in descriptor.model_files}
    sections = make_request(descriptor, files)
    own = {"license": sections.pop("license"), "lifecycle": sections.pop("lifecycle")}
    sections.pop("parent", None)
    return Draft(ModelId(*model.split("/")), sections, {**own, **(provenance or {})}, {}, None)


def put(records: Records, draft: Draft) -> Record:
    """Store a version under a name that nothing has."""
    record = records.add(draft, {})
    assert record is not None
    return record
