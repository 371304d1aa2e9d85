"""A password is nowhere but in the environment."""

from __future__ import annotations

from typing import Any

import pytest

from registry.checks.secrets import check_arguments
from registry.policy import Policy
from tests.build import a_descriptor, a_tiny_version


@pytest.mark.parametrize(
    ("name", "value", "is_wrong"),
    [
        ("--password", "hunter2", True),
        ("--db-password", "hunter2", True),
        ("WANDB_API_KEY", "hunter2", True),
        ("--api-key", 12345, True),
        ("--password", "", False),
        ("--password-file", "/run/secrets/db", False),
        ("--passwords", 3, False),
        ("--pad-token", "<pad>", False),
        ("--keys", 3, False),
    ],
)
def test_an_argument_that_is_a_password_is_named_and_not_shown(name: str, value: Any, is_wrong: bool) -> None:  # noqa: FBT001
    training = {"entry_script": "inference.py", "conda_env": "environment.yml", "args": {name: value}}
    version = a_tiny_version(a_descriptor(model_config__training_properties=training))
    found = list(check_arguments(version, Policy()))
    place = version.place("model_config", "training_properties", "args", name)
    wrong = [("password-literal", place.line, place.column)] * is_wrong
    assert [(finding.rule, finding.line, finding.column) for finding in found] == wrong
    assert all("hunter2" not in str(finding) and name in finding.message for finding in found)
