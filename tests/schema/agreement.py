"""What it means that the JSON Schema and the command agree, and where they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import regress
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from registry.checks import check_snapshot
from registry.nodes import Plain, to_value
from registry.policy import Policy
from registry.rules import RULES
from registry.snapshot import Snapshot, Version, make_snapshot
from registry.tree import TreeFile
from tests.build import FILES

Json = dict[str, Any]

UNREADABLE = "what is no YAML as it is allowed here is no value that a schema could be asked about"
OF_FILES = "a schema sees neither files nor the folder"
# Why no schema sees a rule.
UNSEEN = {
    "anchor": UNREADABLE,
    "byte-order-mark": UNREADABLE,
    "conflict-marker": UNREADABLE,
    "control-character": UNREADABLE,
    "descriptor-missing": OF_FILES,
    "descriptor-too-large": UNREADABLE,
    "duplicate-key": UNREADABLE,
    "invalid-name": OF_FILES,
    "invalid-utf8": UNREADABLE,
    "invalid-version": OF_FILES,
    "language-also-code": "a tag that is also an alias has the shape of a tag",
    "language-ambiguous": "a name that means two languages has the shape of a tag",
    "language-unknown": "of a tag a schema knows the shape alone",
    "lfs-pointer": OF_FILES,
    "license-unknown": "SPDX expressions have a grammar, and there are hundreds of licences",
    "local-file-too-large": OF_FILES,
    "several-documents": UNREADABLE,
    "stray-file": OF_FILES,
    "submodule": OF_FILES,
    "symlink": OF_FILES,
    "tab-indentation": UNREADABLE,
    "tag": UNREADABLE,
    "too-deep": UNREADABLE,
    "twin": OF_FILES,
    "yaml-syntax": UNREADABLE,
}
UNSEEN_FAMILIES = {
    "references": "one value against another",
    "environments": "the grammar of images, and the content of conda files",
    "scripts": "the content of scripts, and names of Python modules",
    "truth": "what the bytes of weights say",
    "sources": "the allow-list of the settings",
    "pins": "the settings may want none",
    "online": "what sources and the endpoint answer",
    "secrets": "the settings bind passwords, and secrets stand in files too",
    "settings": "the settings",
    "immutability": "what was there before",
    "lifecycle": "what was there before, and other versions",
    "review": "what was there before",
}
SEEN = {"password-literal", "reason-missing"}  # of those families
# What the schema refuses and the command takes with a notice.
STRICTER = {"language-alias": "an editor offers the canonical spelling"}


def _has_pattern(_: Any, pattern: str, text: Any, __: Any) -> Iterator[ValidationError]:
    """`pattern` as editors read it: ECMA-262."""
    if isinstance(text, str) and regress.Regex(pattern).find(text) is None:
        yield ValidationError(f"{text!r} does not match {pattern!r}")


_AsEditors = extend(Draft202012Validator, {"pattern": _has_pattern})  # type: ignore[no-untyped-call]


def _value_of(node: Any) -> Any:
    """What YAML 1.2 core makes of a document: numbers and truth values where it reads them."""
    if isinstance(node, dict):
        return {str(key): _value_of(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_value_of(item) for item in node]
    return node.value if isinstance(node, Plain) else node


class Schema:
    """A schema that descriptors are held against."""

    def __init__(self, schema: Json) -> None:
        self._validator = _AsEditors(schema)

    def accepts(self, version: Version) -> bool:
        """Whether the schema takes the version's descriptor, which can be read."""
        assert version.node is not None
        return bool(self._validator.is_valid(_value_of(to_value(version.node))))


def is_unseen(rule: str) -> bool:
    """Whether no schema can see that a rule is broken."""
    return rule in UNSEEN or (RULES[rule].family in UNSEEN_FAMILIES and rule not in SEEN)


def broken_by(version: Version, snapshot: Snapshot, policy: Policy) -> set[str]:
    """The rules that the descriptor breaks, whatever they weigh."""
    return {f.rule for f in check_snapshot(snapshot, policy, snapshot.versions) if f.path == version.path}


def snapshot_of(descriptor: bytes) -> Snapshot:
    """A snapshot of one version with this descriptor."""
    files = {**FILES, "model.yaml": descriptor}
    tree = [TreeFile(f"models/tiny/1.0/{name}", "100644", "", len(data), data) for name, data in files.items()]
    return make_snapshot(tree, "models")


def disagreement(snapshot: Snapshot, policy: Policy, schema: Schema) -> str:
    """How schema and command disagree on the descriptor of the one version; empty where they do not."""
    (version,) = snapshot.versions.values()
    if version.node is None:
        return ""
    is_accepted = schema.accepts(version)
    if is_accepted and not all(map(_is_excused, version.problems)):
        return "the schema accepts what has other types"
    if is_accepted or version.problems:
        return ""
    return "" if broken_by(version, snapshot, policy) else "the schema refuses what no rule speaks of"


def _is_excused(problem: Any) -> bool:
    """Whether pydantic refuses what no schema can: a number by its spelling, or one that is none in JSON."""
    value, kind = problem["input"], problem["type"]
    if kind == "int_type":
        return isinstance(value, float) and value.is_integer()  # 1.0 is an integer
    # The length and the spelling of a number, and what is not a number or infinite
    return isinstance(value, Plain) and kind in ("string_pattern_mismatch", "string_too_long", "argument_type")
