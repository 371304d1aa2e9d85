"""Descriptors with changes anywhere: schema and command take and refuse the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registry.policy import Policy
from registry.schema import make_schema
from tests.build import FILES
from tests.schema.agreement import Json, Schema, disagreement, snapshot_of


class Raw(str):
    """YAML that is written as it stands."""


BASE: Json = {
    "model_config": {
        "type": "ENCODER",
        "description": "A tiny encoder.",
        "private": Raw("false"),
        "inference_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"},
        "training_properties": {
            "entry_script": "inference.py",
            "docker_image": "registry.example.com/tiny:1",
            "docker_registry": {
                "url": "registry.example.com",
                "username": "ci",
                "password": "${env:REGISTRY_DOCKER_PASSWORD_TEAM}",
            },
            "args": {"--lr": Raw("0.001"), "-v": "", "--on": Raw("true"), "--n": Raw("3")},
        },
    },
    "model_files": {
        **{name: f"./{name}" for name in FILES if name != "model.bin"},
        "model.bin": {"source": "./model.bin", "sha256": "0" * 64, "size": Raw("7")},
        "far.bin": {"source": "https://example.com/far.bin", "sha256": "0" * 64, "size": Raw("7")},
    },
    "model_metainfo": {
        "index_page_file": "index.md",
        "input_types": ["NATURAL_LANGUAGE", "SOURCE_CODE"],
        "input_languages": ["en", "PYTHON"],
        "input_description": "A sentence.",
        "output_types": ["OTHER"],
        "output_languages": [],
        "output_description": "A vector.",
        "num_params": Raw("9"),
        "images": [],
    },
    "private_packages": [],
    "license": "MIT",
    "parent": "tiny/0.9",
    "lifecycle": {"state": "active", "reason": "It is back.", "replaced_by": Raw("~")},
}
POLICY = Policy(sources=("https://example.com/",), docker_registries={"TEAM": "registry.example.com"})
NUMBERS = [
    *("0", "-1", "1.0", "1.10", "0x1F", "1e3", ".inf", ".nan", "true", "~", "", "no", "12:30", "1_000", "2024-01-01"),
    *("9" * 64, "1" * 100, f"0.{'1' * 300}", str(10**15), str(10**15 + 1), "1000000000000000.0"),
]
WORDS = "ENCODER encoder OTHER SOURCE_CODE en pt-BR PYTHON c++ b_c removed withdrawn MIT"
TEXTS = [
    *("", "a", "a\nb", "a\n", *("x" * length for length in (200, 201, 512, 513, 2000, 2001, 5000)), "9", "true"),
    *WORDS.split(),
    *("./index.md", "./x/../y", "https://example.com/x", "file:///x", "inference.py", "index.md", "index.MD"),
    *("a/b", "a//b", "/a", "\U0001f600" * 200, "\U0001f600" * 201, "hunter2", "0" * 64, "A" * 64),
    "${env:REGISTRY_DOCKER_PASSWORD_X}",
]
OTHERS: list[Any] = [
    *([], {}, [[]], [""], ["en"], ["en", "en"], ["OTHER"], ["OTHER", "OTHER"], ["OTHER"] * 5, [Raw("~")], [Raw("5")]),
    *({"a": "b"}, {"source": "./index.md"}, {"source": "./index.md", "md5": "0"}, {"entry_script": "inference.py"}),
    {"state": "removed"},
]
VALUES: list[Any] = [*map(Raw, NUMBERS), *TEXTS, *OTHERS]
KEYS = ["typ", "type", "description", "name", "source", "images", "conda_env", "a", "../a", "x" * 513, "a ", ""]


def written(value: Any) -> str:
    """A value as YAML in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return value if isinstance(value, Raw) else json.dumps(value, ensure_ascii=False)


def changed(key: str | None = None) -> Iterator[str]:
    """The descriptor with each change that is possible: of one key, or of all."""
    for number, mapping in enumerate(_mappings(BASE)):
        for name in [*mapping, *KEYS] if key is None else [key]:
            for value in [None, *VALUES] if name in mapping else ["a"]:
                whole = _copy(BASE)
                place = list(_mappings(whole))[number]
                if value is None:
                    del place[name]
                else:
                    place[name] = value
                yield written(whole)


def changed_often(dice: random.Random) -> str:
    """The descriptor with some changes at any depth."""
    whole = _copy(BASE)
    for _ in range(dice.randint(2, 4)):
        mapping = dice.choice(list(_mappings(whole)))
        mapping[dice.choice([*mapping, *mapping, dice.choice(KEYS)])] = _copy(dice.choice(VALUES))
    return written(whole)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _mappings(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _mappings(item)


def test_schema_and_command_agree_on_each_change_of_a_descriptor() -> None:
    schema = Schema(make_schema())
    for text in changed():
        assert disagreement(snapshot_of(text.encode()), POLICY, schema) == "", text


def test_schema_and_command_agree_on_some_changes_at_once() -> None:
    schema, dice = Schema(make_schema()), random.Random(7)
    for text in (changed_often(dice) for _ in range(300)):
        assert disagreement(snapshot_of(text.encode()), POLICY, schema) == "", text


WRONG: dict[str, tuple[str, Callable[[Json], object]]] = {
    "unknown keys": ("typ", lambda defs: defs["Configuration"].pop("additionalProperties")),
    "a key less": ("num_params", lambda defs: defs["Metainfo"]["required"].remove("num_params")),
    "another maximum": ("num_params", lambda defs: defs["Metainfo"]["properties"]["num_params"].update(maximum=10**16)),
    "no pattern": ("sha256", lambda defs: defs["File"]["properties"]["sha256"].pop("pattern")),
    "another pattern": ("description", lambda defs: defs["Configuration"]["properties"]["description"].pop("pattern")),
    "no null": ("replaced_by", lambda defs: defs["Lifecycle"]["properties"]["replaced_by"].update(type="string")),
    "only texts": ("license", lambda defs: defs["Descriptor"]["properties"]["license"].update(type="string")),
    "no short form": (
        "index.md",
        lambda defs: defs["Descriptor"]["properties"]["model_files"].update(
            additionalProperties={"$ref": "#/$defs/File"}
        ),
    ),
    "a state less": ("state", lambda defs: defs["Lifecycle"]["properties"]["state"]["enum"].remove("withdrawn")),
    "a longer text": (
        "input_description",
        lambda defs: defs["Metainfo"]["properties"]["input_description"].update(maxLength=9999),
    ),
}


@pytest.mark.parametrize("change", WRONG)
def test_a_schema_that_is_wrong_is_found_out(change: str) -> None:
    schema = make_schema()
    key, make_wrong = WRONG[change]
    make_wrong(schema["$defs"])
    assert any(disagreement(snapshot_of(text.encode()), POLICY, Schema(schema)) for text in changed(key))
