"""What programs read of each rule: JSON as its schema has it, and SARIF as the standard has it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from registry.cli import run
from registry.finding import Finding
from registry.rules import RULES
from tests.test_examples import SHOWN, a_tree, exit_code, expected, options
from tests.unit.test_sarif import STANDARD

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "validate.schema.json").read_text("utf-8"))
PUBLISHED = Draft202012Validator(SCHEMA)


def validated(rule: str, form: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The report on the example, as JSON."""
    assert run(["validate", *options(rule, "HEAD"), "--format", form]) == exit_code("invalid", rule)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("rule", SHOWN)
def test_programs_read_what_contributors_read(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(a_tree("invalid", rule, tmp_path / "repository"))
    report, log = validated(rule, "json", capsys), validated(rule, "sarif", capsys)
    assert list(PUBLISHED.iter_errors(report)) == []
    assert list(STANDARD.iter_errors(log)) == []
    for finding in report["findings"]:
        place = f"{finding['path']}:{finding['line']}:{finding['column']}"
        assert f"\n{place}: {finding['severity']}: {finding['rule']}\n" in expected("invalid", rule)
    assert sum(report["counts"].values()) == len(report["findings"]) == len(log["runs"][0]["results"])
    for finding, result in zip(sorted(report["findings"], key=_weight), log["runs"][0]["results"], strict=True):
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (finding["line"], finding["column"]) == (region["startLine"], region["startColumn"])
        assert (finding["rule"], region["endColumn"] >= region["startColumn"]) == (result["ruleId"], True)


def _weight(finding: Any) -> int:
    return ["error", "warning", "notice"].index(finding["severity"])


def test_the_schema_of_the_report_has_each_key_of_a_finding_and_each_rule_that_there_is() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    defined = SCHEMA["$defs"]["Finding"]
    assert set(defined["required"]) == set(defined["properties"]) == {f.name for f in dataclasses.fields(Finding)}
    names = Draft202012Validator(defined["properties"]["rule"])
    assert [rule for rule in RULES if not names.is_valid(rule)] == []


GOOD = {"rule": "tag", "severity": "error", "path": "a", "line": 1, "column": 1, "field": "", "message": "a"}
GOOD |= {"found": None, "expected": None, "fix": None}


@pytest.mark.parametrize(
    "change", [{"line": 0}, {"severity": "note"}, {"message": ""}, {"found": 5}, {"rule": "Tag"}, {"column": None}]
)
def test_a_report_that_is_wrong_is_refused(change: dict[str, Any]) -> None:
    counts = {"error": 1, "warning": 0, "notice": 0}
    assert PUBLISHED.is_valid({"format": 1, "findings": [GOOD], "counts": counts, "more": "is added later"})
    assert not PUBLISHED.is_valid({"format": 1, "findings": [GOOD | change], "counts": counts})
    assert not PUBLISHED.is_valid({"format": 2, "findings": [], "counts": counts})
