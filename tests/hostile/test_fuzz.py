"""Chance against the reader and the whole of `validate`.

For longer, with other cases each time: `FUZZ_EXAMPLES=50000 .venv/bin/pytest --timeout=0 tests/hostile/test_fuzz.py`.
What it finds becomes a case of its own in the tables beside this file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.checks import check_snapshot
from registry.evidence import text_targets, weights_targets
from registry.facts import Facts
from registry.finding import Finding
from registry.leaks import find_leaks
from registry.nodes import Node, Plain, to_value
from registry.policy import Policy
from registry.report import github, json, markdown, text
from registry.rules import RULES
from registry.snapshot import Snapshot, Version, make_snapshot
from registry.tree import SUBMODULE, SYMLINK, TreeFile
from registry.weights import parse_weights
from registry.yaml12 import is_lfs_pointer, parse_yaml
from tests.heads import content_of
from tests.hostile.door import moves_no_cursor
from tests.hostile.mutants import DESCRIPTORS, PIECES, descriptors, mutants, trees, yamlish

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
POLICY = Policy(sources=("https://account.blob.core.windows.net/uploads/",))


def fuzzed(examples: int) -> settings:
    """As many examples as fit into a run of all tests, and the same each time; or as many as are asked for."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=EXAMPLES or examples, derandomize=not EXAMPLES, deadline=None, suppress_health_check=slow
    )


def lines_of(tree: Mapping[str, bytes]) -> dict[str, dict[int, str]]:
    """The lines of all files, for reports that quote them."""
    return {f"models/{path}": dict(enumerate(split(data), 1)) for path, data in tree.items()}


def split(data: bytes) -> list[str]:
    """The lines of a file."""
    return re.split(r"\r\n|\r|\n", data.decode("utf-8", "surrogateescape"))


def is_inside(line: int, column: int, data: bytes) -> bool:
    """Whether there is such a place in a file; the one behind the last character of a line is in it."""
    lines = split(data)
    return 1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1


def nodes_of(node: Node) -> list[Node]:
    """The node and all below it."""
    if isinstance(node.value, list):
        return [node, *(inner for item in node.value for inner in nodes_of(item))]
    if isinstance(node.value, dict):
        pairs = [pair for entry in node.value.values() for pair in (entry.key, entry)]
        return [node, *(inner for item in pairs for inner in nodes_of(item))]
    return [node]


ANY_BYTES = st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


@given(ANY_BYTES | descriptors | yamlish | mutants(yamlish))
@fuzzed(1000)
def test_the_reader_takes_anything_and_points_into_the_file(data: bytes) -> None:
    node, findings = parse_yaml("f", data)
    assert (node is not None) or findings or not data.strip() or is_empty(data)
    for finding in findings:
        assert finding.rule in RULES
        assert finding.message
        assert is_inside(finding.line, finding.column, data), finding
    for inner in nodes_of(node) if node else ():
        assert is_inside(inner.line, inner.column, data)
    assert parse_yaml("f", data)[1] == findings


def is_empty(data: bytes) -> bool:
    """Whether a file holds nothing but comments, directives and marks of documents."""
    return all(re.fullmatch(rb"\s*(#.*|---|\.\.\.|%.*)?\s*", line) for line in re.split(rb"[\r\n]", data))


LONGEST = 100  # digits of a number; with more it stays text, since no key wants it


class Core(yaml.SafeLoader):
    """PyYAML's own reader, which is no wrapper of libyaml, with the scalars of YAML 1.2 core (chapter 10.3)."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as the class above has it


for tag, pattern in {
    "null": r"null|Null|NULL|~|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
}.items():
    Core.add_implicit_resolver(tag, re.compile(f"^(?:{pattern})$"), None)


def by_core(node: yaml.Node) -> Any:
    """What the other reader makes of a node; scalars with what they are."""
    if isinstance(node, yaml.MappingNode):
        return {("" if key.tag == "null" else key.value): by_core(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [by_core(item) for item in node.value]
    is_long = node.tag == "int" and len(re.sub(r"^(?:[-+]|0[ox])", "", node.value)) > LONGEST
    return None if node.tag == "null" else ("str" if is_long else node.tag.rpartition(":")[2], node.value)


def by_ours(value: Any) -> Any:
    """The same of what ours made."""
    if isinstance(value, dict):
        return {key: by_ours(item) for key, item in value.items()}
    if isinstance(value, list):
        return [by_ours(item) for item in value]
    kind = type(value.value).__name__ if isinstance(value, Plain) else "str"
    return None if value is None else (kind, str(value))


@given(yamlish | descriptors | mutants(yamlish))
@fuzzed(600)
def test_what_both_readers_take_they_read_alike(data: bytes) -> None:
    node, findings = parse_yaml("f", data)
    if node is None or findings:
        return
    try:
        other = yaml.compose(data.decode(), Loader=Core)
    except yaml.YAMLError:
        return
    assert other is not None
    assert by_ours(to_value(node)) == by_core(other)


MODES = st.sampled_from(["100644"] * 8 + ["100755", SYMLINK, SUBMODULE])


def with_facts(snapshot: Snapshot) -> Snapshot:
    """The snapshot with what its files say."""
    return replace(snapshot, versions={model: _with_facts(version) for model, version in snapshot.versions.items()})


def _with_facts(version: Version) -> Version:
    def read(targets: list[str]) -> Mapping[str, bytes]:
        found = {target: version.files.get(version.local(target) or "") for target in targets}
        plain = {t: f.content for t, f in found.items() if f is not None and f.mode not in (SYMLINK, SUBMODULE)}
        return {target: data for target, data in plain.items() if data is not None and not is_lfs_pointer(data)}

    weights = {
        target: parse_weights(target, content_of(data)) for target, data in read(weights_targets(version)).items()
    }
    found = {target: read for target, read in weights.items() if read is not None}
    leaks = {local: find_leaks(file.content or b"") for local, file in version.files.items()}
    return replace(version, facts=Facts(read(text_targets(version)), found, leaks={**version.facts.leaks, **leaks}))


def judged(files: list[TreeFile]) -> list[Finding]:
    """All that is wrong with a tree."""
    snapshot = with_facts(make_snapshot(files, "models"))
    return check_snapshot(snapshot, POLICY, snapshot.versions)


@given(trees(), st.data())
@fuzzed(250)
def test_any_tree_is_judged_and_each_finding_points_into_its_file(tree: dict[str, bytes], draw: st.DataObject) -> None:
    modes = {path: draw.draw(MODES) for path in tree}
    files = [TreeFile(f"models/{path}", modes[path], "", len(data), data) for path, data in sorted(tree.items())]
    findings = judged(files)
    for finding in findings:
        assert finding.rule in RULES
        data = tree.get(finding.path.removeprefix("models/"), b"")
        assert is_inside(finding.line, finding.column, data), finding
    assert judged(files) == findings
    assert moves_no_cursor(text.render_findings(findings, 1, lines_of(tree)))
    assert moves_no_cursor(markdown.render_findings(findings, 1))
    assert github.render_findings(findings).count("\n") == len(findings)
    assert json.render_findings(findings)


@pytest.mark.parametrize("data", DESCRIPTORS)
def test_what_is_mutated_was_good(data: bytes) -> None:
    node, findings = parse_yaml("f", data)
    assert node is not None
    assert findings == []
