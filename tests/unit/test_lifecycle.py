"""A version leaves its users step by step, and what it says of other versions holds."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import pytest

from registry.checks.lifecycle import (
    CHECKS,
    check_haste,
    check_replacement,
    check_step,
)
from registry.checks.references import check_parent
from registry.finding import Finding
from registry.identity import ModelId
from registry.policy import Policy
from registry.snapshot import Version
from tests.build import a_descriptor, a_tiny_version

NAMES = sorted(ModelId(*name.split("/")) for name in ("big/1.0", "tiny/0.9", "tiny/1.0", "tiny/2.0", "tiny/2.1"))
STATES = ("active", "deprecated", "withdrawn", "removed")
KNOWN = {"tiny/2.0": "active", "tiny/0.9": "deprecated", "big/1.0": "withdrawn", "tiny/2.1": None}


def a_version_with(**lifecycle: Any) -> Version:
    """`tiny/1.0` with this lifecycle, and nothing else where it is removed."""
    if lifecycle.get("state") == "removed":
        return a_tiny_version({"lifecycle": lifecycle})
    return a_tiny_version(a_descriptor(lifecycle=lifecycle))


def judged(version: Version) -> list[Finding]:
    """What is wrong with a lifecycle by itself."""
    return [finding for check in CHECKS for finding in check(version, Policy())]


def said(findings: list[Finding]) -> list[tuple[str, str, int]]:
    """Rule, field and line."""
    return [(finding.rule, finding.field, finding.line) for finding in findings]


@pytest.mark.parametrize("state", ["deprecated", "withdrawn", "removed"])
@pytest.mark.parametrize("reason", [None, "", "  ", "Its licence was wrong."])
def test_who_leaves_says_why(state: str, reason: str | None) -> None:
    version = a_version_with(state=state, **({} if reason is None else {"reason": reason}))
    field = "lifecycle.state" if reason is None else "lifecycle.reason"
    keys = field.split(".")
    wrong = [("reason-missing", field, version.place(*keys).line)]
    assert said(judged(version)) == ([] if reason and reason.strip() else wrong)


@pytest.mark.parametrize(
    ("lifecycle", "fields"),
    [
        ({}, []),
        ({"state": "active"}, []),
        ({"reason": "", "replaced_by": None}, []),
        ({"state": "active", "reason": "It came back."}, []),
        ({"reason": "Old."}, ["lifecycle.reason"]),
        ({"replaced_by": "tiny/2.0"}, ["lifecycle.replaced_by"]),
        ({"state": "active", "replaced_by": "tiny/2.0", "reason": "Old."}, ["lifecycle.replaced_by"]),
        ({"state": "deprecated", "replaced_by": "tiny/2.0", "reason": "Old."}, []),
    ],
)
def test_what_only_a_version_on_its_way_out_has_is_not_said_of_an_active_one(
    lifecycle: dict[str, str | None], fields: list[str]
) -> None:
    found = judged(a_version_with(**lifecycle))
    assert [(f.rule, f.severity, f.field) for f in found] == [("lifecycle-unused", "warning", f) for f in fields]


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)))
def test_only_the_way_into_and_out_of_removal_is_barred(before: str, after: str) -> None:
    is_barred = (before == "removed") != (after == "removed") and (before, after) != ("withdrawn", "removed")
    found = list(check_step(a_version_with(state=after, reason="Old."), before))
    assert [finding.rule for finding in found] == ["registered-removed"] * is_barred


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)))
def test_only_what_was_active_is_withdrawn_too_fast(before: str, after: str) -> None:
    found = list(check_haste(a_version_with(state=after, reason="Old."), before))
    is_fast = (before, after) == ("active", "withdrawn")
    assert [(f.rule, f.severity) for f in found] == [("withdrawn-at-once", "warning")] * is_fast


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tiny/2.0", None),
        ("tiny/2.1", None),  # it cannot be read, which is said there
        ("tiny/0.9", "replaced-by-inactive"),
        ("big/1.0", "replaced-by-inactive"),
        ("tiny/2.00", "replaced-by-unknown"),
        ("tiny/1.0", "replaced-by-unknown"),
        ("2.0", "replaced-by-unknown"),
        ("tiny", "replaced-by-unknown"),
        ("tiny/", "replaced-by-unknown"),
        ("tiny/2.0/x", "replaced-by-unknown"),
        ("Tiny/2.0", "replaced-by-unknown"),
        ("huge/1.0", "replaced-by-unknown"),
        ("https://example.com/tiny", "replaced-by-unknown"),
    ],
)
def test_a_replacement_is_another_version_that_is_there_and_active(text: str, rule: str | None) -> None:
    version = a_version_with(state="deprecated", reason="Old.", replaced_by=text)
    found = list(check_replacement(version, NAMES, KNOWN.get))
    place = version.place("lifecycle", "replaced_by")
    wrong = [(rule, "error", "lifecycle.replaced_by", place.line, place.column)]
    assert [(f.rule, f.severity, f.field, f.line, f.column) for f in found] == (wrong if rule else [])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tiny/0.9", None),
        ("big/1.0", None),
        ("tiny/0.8", "parent-unknown"),
        ("else/1.0", "parent-unknown"),
        ("tiny/1.0", "parent-invalid"),
        ("0.9", "parent-invalid"),
        ("bert-base-uncased", "parent-invalid"),
        ("google/BERT base", "parent-invalid"),
        ("tiny/latest", "parent-invalid"),
    ],
)
def test_a_parent_is_another_version_and_may_live_elsewhere(text: str, rule: str | None) -> None:
    version = a_tiny_version(a_descriptor(parent=text))
    found = list(check_parent(version, NAMES))
    severity = "notice" if rule == "parent-unknown" else "error"
    place = version.place("parent")
    wrong = [(rule, severity, "parent", place.line, place.column)]
    assert [(f.rule, f.severity, f.field, f.line, f.column) for f in found] == (wrong if rule else [])


@pytest.mark.parametrize(
    ("text", "near"), [("tiny/0.90", "tiny/0.9"), ("2.0", "tiny/2.0"), ("big/1.00", "big/1.0"), ("vast/1.0", None)]
)
def test_the_version_that_was_probably_meant_is_named(text: str, near: str | None) -> None:
    version = a_tiny_version(a_descriptor(parent=text, lifecycle={"replaced_by": text}))
    found = [*check_parent(version, NAMES), *check_replacement(version, NAMES, KNOWN.get)]
    assert [finding.fix for finding in found] == [near, near]
    assert all(near is None or f"Did you mean `{near}`?" in finding.message for finding in found)


def test_a_version_without_these_keys_or_without_a_descriptor_names_nobody() -> None:
    for version in (a_tiny_version(a_descriptor()), a_tiny_version(None, model__yaml=b"[")):
        assert judged(version) == []
        assert list(check_parent(version, NAMES)) == []
        assert list(check_replacement(version, NAMES, KNOWN.get)) == []


def test_among_thousands_of_versions_the_nearest_is_found_at_once() -> None:
    names = sorted(ModelId("tiny", f"1.{number}") for number in range(100_000))
    versions = [a_tiny_version(a_descriptor(parent=f"tiny/1.{number}x")) for number in range(99_000, 99_050)]
    start = time.process_time()
    found = [finding.fix for version in versions for finding in check_parent(version, names)]
    assert time.process_time() - start < 5
    assert found == [f"tiny/1.{number}" for number in range(99_000, 99_050)]
