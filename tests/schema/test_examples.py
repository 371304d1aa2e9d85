"""The JSON Schema of the descriptor: as it is published, on all examples, and on the models of this repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from registry.errors import SettingsError
from registry.policy import Policy
from registry.repository import Repository
from registry.rules import RULES
from registry.schema import make_schema
from registry.settings import parse_settings
from registry.snapshot import Snapshot
from tests.command import registry
from tests.schema.agreement import SEEN, STRICTER, UNSEEN, UNSEEN_FAMILIES, Schema, broken_by, is_unseen, snapshot_of
from tests.test_examples import SHOWN, a_tree

ROOT = Path(__file__).parent.parent.parent
SCHEMA = Schema(make_schema())
PUBLISHED = ROOT / "docs" / "model.schema.json"


def test_the_schema_is_one_and_is_published_as_the_command_prints_it() -> None:
    Draft202012Validator.check_schema(make_schema())
    printed = registry(ROOT, "schema")
    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out) == make_schema()
    assert PUBLISHED.read_text("utf-8") == printed.out, "registry schema > docs/model.schema.json"


def policy_of(tree: Path) -> Policy:
    """The policy that a tree sets; the defaults where it sets none that can be read."""
    settings = tree / "pyproject.toml"
    try:
        return parse_settings(settings.read_text() if settings.exists() else "", {}).policy
    except SettingsError:
        return Policy()


def is_refused(snapshot: Snapshot, policy: Policy) -> bool:
    """Whether the schema refuses a version; what it sees of each is what the rules see of it."""
    refused = set()
    for version in snapshot.versions.values():
        if version.node is None:
            continue
        broken = broken_by(version, snapshot, policy)
        if SCHEMA.accepts(version):
            assert version.problems == ()
            assert {rule for rule in broken if not is_unseen(rule)} == set()
        else:
            assert broken
            refused.add(version.id)
    return bool(refused)


@pytest.mark.parametrize("rule", SHOWN)
@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_schema_and_command_agree_on_each_example(kind: str, rule: str, tmp_path: Path) -> None:
    tree = a_tree(kind, rule, tmp_path / "repository")
    refused = is_refused(Repository(tree).working_snapshot("models"), policy_of(tree))
    assert refused is (kind == "invalid" and (rule in STRICTER or not is_unseen(rule)))


@pytest.mark.parametrize("path", sorted(ROOT.glob("models/*/*/model.yaml")), ids=lambda path: path.parent.parent.name)
def test_the_models_of_this_repository_name_the_schema_and_keep_it(path: Path) -> None:
    named = path.read_text("utf-8").partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == PUBLISHED
    snapshot = snapshot_of(path.read_bytes())
    (version,) = snapshot.versions.values()
    assert version.problems == ()
    assert SCHEMA.accepts(version)


@pytest.mark.parametrize(
    "name", ["Descriptor", "Configuration", "Environment", "Training", "DockerRegistry", "File", "Metainfo", "Removal"]
)
def test_an_editor_can_show_what_each_key_is_and_which_are_wanted(name: str) -> None:
    definitions = make_schema()["$defs"]
    assert definitions[name]["additionalProperties"] is False
    assert definitions[name]["required"]
    for key, value in definitions[name]["properties"].items():
        shown = definitions[value["$ref"].rsplit("/", 1)[-1]] if "$ref" in value else value
        assert value.get("description", shown.get("description", "")).endswith("."), key


def test_what_is_said_of_rules_is_said_of_rules_that_there_are() -> None:
    assert {*UNSEEN, *SEEN, *STRICTER} <= set(RULES)
    assert {rule.family for rule in RULES.values()} <= {"form", *UNSEEN_FAMILIES}
