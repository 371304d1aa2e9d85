"""What programs read of plan, reconcile, status and log, as docs/*.schema.json has it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from registry.chronicle import Registered
from registry.condition import KINDS, Drift, Pending
from registry.diff import Change, FieldChange, FileChange
from registry.outcome import OUTCOMES, Result
from registry.plan import ACTIONS, Item
from tests.build import a_commit, a_descriptor, a_version
from tests.e2e.place import Place

DOCS = Path(__file__).parent.parent.parent / "docs"
FINDINGS = Resource.from_contents(json.loads((DOCS / "validate.schema.json").read_text("utf-8")))
SCHEMAS: dict[str, Any] = {
    name: json.loads((DOCS / f"{name}.schema.json").read_text("utf-8"))
    for name in ("plan", "reconcile", "status", "log", "diff")
}
KNOWN: Registry[Any] = Registry().with_resources(
    [("validate.schema.json", FINDINGS), ("diff.schema.json", Resource.from_contents(SCHEMAS["diff"]))]
)


def problems(name: str, report: Any) -> list[str]:
    """What the schema of a report finds wrong with one."""
    return [error.message for error in Draft202012Validator(SCHEMAS[name], registry=KNOWN).iter_errors(report)]


def test_reports_are_as_their_schemas_have_them(folder_place: Place) -> None:
    def reports() -> dict[str, Any]:
        """Each report at once; reconcile last but one."""
        commands = ("plan", "reconcile", "status", "log")
        found = {name: folder_place.run(name, "--format", "json").json for name in commands}
        return found | {"diff": folder_place.run("diff", "HEAD~1", "--format", "json").json}

    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version(a_descriptor(license="No-Such-Licence")))
    first = reports()
    a_commit(folder_place.repository, "tiny/1.0", a_version(a_descriptor(license="Apache-2.0")))
    second = reports()
    (folder_place.repository / ".registry/storage/tiny/1.0/index.md").unlink()
    third = reports()

    for report in (first, second, third):
        assert {name: problems(name, report[name]) for name in report} == {name: [] for name in SCHEMAS}
    assert [version["outcome"] for version in first["reconcile"]["versions"]] == ["registered", "refused"]
    assert first["plan"]["versions"][1]["findings"] != []
    assert first["status"]["pending"] != []
    assert third["status"]["drift"] != []
    assert first["reconcile"]["bytes"] == sum(version["bytes"] for version in first["reconcile"]["versions"]) > 0
    assert [entry["registered"] is None for entry in third["log"]["entries"]] == [False, True, False]
    assert third["log"]["entries"][1]["pending"] is not None
    for name, part in (("plan", "versions"), ("reconcile", "versions"), ("log", "entries"), ("log", "problems")):
        assert problems(name, first[name] | {part: [{}]}) != []


@pytest.mark.parametrize(
    ("name", "part", "fields"),
    [
        ("plan", "Item", [field.name for field in dataclasses.fields(Item)]),
        ("reconcile", "Result", [field.name for field in dataclasses.fields(Result)]),
        ("status", "Drift", Drift._fields),
        ("status", "Pending", Pending._fields),
        ("diff", "FieldChange", [field.name for field in dataclasses.fields(FieldChange)]),
        ("diff", "FileChange", [field.name for field in dataclasses.fields(FileChange)]),
        ("diff", "Change", [field.name for field in dataclasses.fields(Change)]),
        ("log", "Registered", Registered._fields),
    ],
)
def test_a_schema_has_each_key_that_there_is(name: str, part: str, fields: list[str]) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    defined = SCHEMAS[name]["$defs"][part]
    assert set(defined["required"]) == set(defined["properties"]) == set(fields)


def test_a_schema_counts_each_kind_that_there_is() -> None:
    counted = {name: SCHEMAS[name]["properties"]["counts"]["required"] for name in ("plan", "reconcile", "status")}
    assert counted == {
        "plan": list(ACTIONS),
        "reconcile": list(OUTCOMES),
        "status": ["versions", "pending", *KINDS],
    }
