"""Settings that differ are named one by one, and it is said which of them allow more."""

from __future__ import annotations

import dataclasses

import pytest

from registry.checks.settings import check_settings
from registry.finding import Finding, Place
from registry.policy import Policy
from registry.settings import Settings, is_set, parse_settings, written

LOOSER, OTHER = "settings-loosened", "settings-changed"


def changed(before: str, after: str) -> list[Finding]:
    """The findings for the lines of `[tool.registry]` before and after."""
    old, new = (written(parse_settings(f"[tool.registry]\n{text}\n", {})) for text in (before, after))
    return list(check_settings(old, new, lambda keys: Place("pyproject.toml", field=".".join(keys))))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("", "", []),
        ("", 'policy.pins = "required"\nmodels = "models"\n[tool.registry.severity]\nanchor = "error"', []),
        ("", 'policy.pins = "warn"', [(LOOSER, "policy.pins")]),
        ('policy.pins = "warn"', 'policy.pins = "off"', [(LOOSER, "policy.pins")]),
        ('policy.pins = "off"', "", [(OTHER, "policy.pins")]),
        ("", "policy.allow_loopback = true", [(LOOSER, "policy.allow_loopback")]),
        ("policy.allow_loopback = true", "", [(OTHER, "policy.allow_loopback")]),
        ("", "policy.public_reads = true", [(LOOSER, "policy.public_reads")]),
        ("", "policy.sas_hours = 48", [(LOOSER, "policy.sas_hours")]),
        ("", "policy.sas_hours = 12", [(OTHER, "policy.sas_hours")]),
        ("", 'policy.sources = ["https://a.example.com/"]', [(LOOSER, "policy.sources")]),
        (
            'policy.sources = ["https://a.example.com/x"]',
            'policy.sources = ["https://a.example.com/x/y/"]',
            [(OTHER, "policy.sources")],
        ),
        (
            'policy.sources = ["https://a.example.com/x"]',
            'policy.sources = ["https://a.example.com/xy"]',
            [(LOOSER, "policy.sources")],
        ),
        ('policy.sources = ["https://a.example.com/x"]', "", [(OTHER, "policy.sources")]),
        ("", 'policy.docker_registries = {A = "a.example.com"}', [(LOOSER, "policy.docker_registries.A")]),
        (
            'policy.docker_registries = {A = "a.example.com", B = "b.example.com"}',
            'policy.docker_registries = {B = "c.example.com"}',
            [(OTHER, "policy.docker_registries.A"), (LOOSER, "policy.docker_registries.B")],
        ),
        ("", 'severity.anchor = "warning"', [(LOOSER, "severity.anchor")]),
        ("", 'severity.language-alias = "error"', [(OTHER, "severity.language-alias")]),
        ('severity.anchor = "off"', 'severity.anchor = "notice"', [(OTHER, "severity.anchor")]),
        ("", 'severity.language-alias = "off"', [(LOOSER, "severity.language-alias")]),
        ("", 'models = "data"', [(OTHER, "models")]),
        ("", 'endpoint = "https://registry.example.com"', [(OTHER, "endpoint")]),
        ("", 'storage = "elsewhere"\npolicy.pins = "warn"', [(LOOSER, "policy.pins"), (OTHER, "storage")]),
    ],
)
def test_each_setting_that_differs_is_named(before: str, after: str, found: list[tuple[str, str]]) -> None:
    findings = changed(before, after)
    assert [(f.rule, f.field) for f in findings] == found
    assert all(f.severity == ("warning" if f.rule == LOOSER else "notice") for f in findings)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", 'policy.pins = "warn"', "`policy.pins` goes from `required` to `warn`, which allows more"),
        ("", "policy.public_reads = true", "`policy.public_reads` goes from `false` to `true`"),
        ("", 'policy.docker_registries.A = "a.example.com"', "goes from nothing to `a.example.com`"),
        (
            'policy.sources = ["https://a.example.com/", "https://b.example.com/"]',
            'policy.sources = ["https://c.example.com/", "https://b.example.com/"]',
            "`policy.sources` gains `https://c.example.com/` and loses `https://a.example.com/`",
        ),
        (
            'policy.sources = ["https://a.example.com/", "https://b.example.com/"]',
            'policy.sources = ["https://b.example.com/", "https://a.example.com/"]',
            "`policy.sources` is in another order",
        ),
    ],
)
def test_before_and_after_are_said(before: str, after: str, words: str) -> None:
    (finding,) = changed(before, after)
    assert words in finding.message


def test_no_setting_is_left_out() -> None:
    keys = {keys[-1] for keys in written(Settings(policy=Policy(severity={"tag": "off"})))}
    policy = {field.name for field in dataclasses.fields(Policy)} - {"severity", "docker_registries"}
    assert keys == {"models", "storage", "endpoint", "tag", *policy}


@pytest.mark.parametrize(
    ("text", "has_table"),
    [
        (None, False),
        ("", False),
        ("[tool.other]\n", False),
        ("tool = 1\n", False),
        ("[tool.registry]\n", True),
        ("[tool.registry.policy]\n", True),
        ("tool.registry.models = 'm'\n", True),
    ],
)
def test_an_empty_table_is_one(text: str | None, has_table: bool) -> None:  # noqa: FBT001 - what is expected
    assert is_set(text) is has_table
