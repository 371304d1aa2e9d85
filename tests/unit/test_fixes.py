"""Fixes of descriptors in any style: what was meant is what is written, and nothing else changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checks import check_version
from registry.digests import Digest
from registry.finding import Finding
from registry.fixes import Outcomes, Result, fix_text
from registry.identity import ModelId
from registry.nodes import Plain, to_value
from registry.policy import Policy
from registry.report import fixes
from registry.snapshot import Version, parse_version
from registry.tree import DESCRIPTOR, TreeFile
from registry.yaml12 import parse_yaml

TINY = ModelId("tiny", "1.0")
LOCAL = ("inference.py", "environment.yml", "index.md")
POLICY = Policy(sources=("https://models.example.com/",))


def a_version(text: str) -> Version:
    """The version that has this descriptor, and the files that all have here."""
    files = {name: TreeFile(f"models/tiny/1.0/{name}", "100644", "", 9, b"content") for name in LOCAL}
    data = text.encode()
    files[DESCRIPTOR] = TreeFile("models/tiny/1.0/model.yaml", "100644", "", len(data), data)
    return parse_version(TINY, "models", files)


def findings_of(text: str) -> list[Finding]:
    """Everything that is wrong with it."""
    return check_version(a_version(text), POLICY)


def fixed(text: str, pins: Mapping[str, Digest] | None = None) -> str:
    """The text once no fix is left."""
    for _ in range(20):
        new = fix_text(a_version(text), text, findings_of(text), pins or {})
        assert bool(new.findings) == (new.text != text)
        if not new.findings:
            return text
        text = new.text
    pytest.fail("there is always something left to fix")


def plain(text: str) -> Any:
    """What a text says, numbers and words apart from text."""
    node, findings = parse_yaml("", text.encode())
    assert node is not None, findings
    return exact(to_value(node))


def exact(value: Any) -> Any:
    """The value, each unquoted number or word as what it is."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return value.value if isinstance(value, Plain) else value


RIGHT: dict[str, Any] = {
    "model_config": {
        "type": "ENCODER",
        "description": "It's small, {quick}: ü # 1",
        "private": False,
        "inference_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"},
    },
    "model_files": {name: f"./{name}" for name in LOCAL},
    "model_metainfo": {
        "index_page_file": "index.md",
        "input_types": ["NATURAL_LANGUAGE", "SOURCE_CODE"],
        "input_languages": ["en", "CPP", "PYTHON"],
        "input_description": "A sentence.",
        "output_types": ["OTHER"],
        "output_description": "A vector.",
        "num_params": 4416698,
    },
    "license": "Apache-2.0",
}
CONFIG, META = RIGHT["model_config"], RIGHT["model_metainfo"]
# Each with the keys it has to do with, and what it makes of the three mappings that it may touch.
MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "name": ({"name": "tiny"}, {}, {}),
    "version": ({}, {"version": "1.0"}, {}),
    "type moved": ({}, {"type": None}, {"type": "ENCODER"}),
    "type in lower case": ({}, {"type": "encoder"}, {}),
    "description moved": ({}, {"description": None}, {"description": CONFIG["description"]}),
    "private": ({}, {"private": "no"}, {}),
    "inference moved": ({"inference_properties": CONFIG["inference_properties"]}, {"inference_properties": None}, {}),
    "license moved": ({"license": None}, {}, {"license": "Apache-2.0"}),
    "license misspelled": ({"license": None, "liscense": "apache 2"}, {}, {}),
    "index page": ({}, {}, {"index_page_file": "./index.md"}),
    "types": ({}, {}, {"input_types": ["natural_language", "SOURCE_CODE"]}),
    "languages": ({}, {}, {"input_languages": ["English", "c++", "PYTHON", "en", "python"]}),
    "number": ({}, {}, {"num_params": "4,416,698"}),
    "key": ({}, {}, {"output_description": None, "output_descripton": "A vector."}),
}
# Keys without comments: what is taken out goes with the comment on its line, and no lines with comments go into braces.
QUIET = {"name", "version", "inference_properties", "entry_script", "conda_env"}


def seeded(names: list[str]) -> dict[str, Any]:
    """The right descriptor with these mistakes."""
    top, config, meta = dict(RIGHT), dict(CONFIG), dict(META)
    for name in names:
        for mapping, changes in zip((top, config, meta), MISTAKES[name], strict=True):
            mapping.update(changes)
    top["model_config"], top["model_metainfo"] = config, meta
    return {key: without_none(value) for key, value in top.items() if value is not None}


def without_none(value: Any) -> Any:
    """A mapping without the keys that are taken away."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class Writer:
    """Writes a descriptor in one of the many ways that YAML has, each comment another one."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.notes = 0

    def chance(self, *values: Any) -> Any:
        """One of these."""
        return self.draw(st.sampled_from(values))

    def note(self, key: str) -> str:
        """A comment at the end of a line, or none."""
        if key in QUIET or self.chance(True, True, False):
            return ""
        self.notes += 1
        return f"{self.chance(' ', '   ')}# note {self.notes}: {{a: [b"

    def scalar(self, value: Any, *, in_flow: bool) -> str:
        """A scalar on one line."""
        if not isinstance(value, str):
            return json.dumps(value)
        ways = ["'" + value.replace("'", "''") + "'", json.dumps(value, ensure_ascii=False)]
        if not re.search(r": |#|[,\[\]{}'\\]" if in_flow else r": | #", value) and value[:1] not in ".-":
            ways += [value, value]
        return str(self.chance(*ways))

    def flow(self, value: Any) -> str:
        """Anything on one line."""
        space: str = self.chance("", " ")
        if isinstance(value, dict):
            pairs = (f"{self.scalar(key, in_flow=True)}: {self.flow(item)}" for key, item in value.items())
            return "{" + space + ", ".join(pairs) + space + "}"
        if isinstance(value, list):
            return "[" + space + ", ".join(map(self.flow, value)) + space + "]"
        return self.scalar(value, in_flow=True)

    def braces(self, value: Mapping[str, Any], indent: str) -> str:
        """A mapping in braces, each key on a line of its own."""
        lines = []
        for number, (key, item) in enumerate(value.items()):
            comma = self.chance(",", "") if number == len(value) - 1 else ","
            lines.append(f"{indent}  {self.scalar(key, in_flow=True)}: {self.flow(item)}{comma}{self.note(key)}\n")
        return "{\n" + "".join(lines) + indent + "}"

    def block(self, value: Mapping[str, Any], indent: str) -> str:
        """The lines of a mapping."""
        return "".join(self.entry(key, item, indent) for key, item in value.items())

    def entry(self, key: str, value: Any, indent: str) -> str:
        """The lines of a key and its value, perhaps with a comment of their own before and an empty line behind."""
        above = f"{indent}#{self.note(key)}\n" if key not in QUIET and self.chance(True, False, False) else ""
        name = self.scalar(key, in_flow=False)
        end = self.chance("\n", "\n", "\n\n")
        deeper = indent + " " * self.chance(1, 2, 4)
        if isinstance(value, dict) and self.chance(True, True, False):
            return f"{above}{indent}{name}:{self.note(key)}\n{self.block(value, deeper)}"
        if isinstance(value, dict) and self.chance(True, False):
            return f"{above}{indent}{name}: {self.braces(value, indent)}{end}"
        if isinstance(value, list) and self.chance(True, False):
            items = "".join(f"{deeper}- {self.scalar(i, in_flow=False)}\n" for i in value)
            return f"{above}{indent}{name}:{self.note(key)}\n{items}"
        if isinstance(value, str) and self.chance(True, False, False, False) and key not in ("num_params", "private"):
            return f"{above}{indent}{name}: {self.chance('>-', '|-')}{self.note(key)}\n{deeper}{value}{end}"
        is_flow = isinstance(value, dict | list)
        written = self.flow(value) if is_flow else self.scalar(value, in_flow=False)
        return f"{above}{indent}{name}: {written}{self.note(key)}{end}"


@st.composite
def a_text(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A descriptor with mistakes, and their names."""
    names = draw(st.lists(st.sampled_from(sorted(MISTAKES)), max_size=6, unique=True))
    clashing = [{"type moved", "type in lower case"}, {"license moved", "license misspelled"}]
    names = [n for i, n in enumerate(names) if not any(n in group and group & set(names[:i]) for group in clashing)]
    writer, value = Writer(draw), seeded(names)
    text = writer.chance("", "# ü\n\n", "# the file\n") + (
        writer.flow(value) if writer.chance(*[False] * 5, True) else writer.block(value, "")
    )
    text = text if writer.chance(True, True, False) else text.rstrip("\n")
    return text.replace("\n", writer.chance("\n", "\r\n")), names


NOTE = re.compile(r"# note \d+: {a: \[b")


def untouched(text: str, names: list[str]) -> Iterator[str]:
    """The lines outside of braces that have nothing to do with any of these mistakes."""
    words = {
        word for name in names for changes in MISTAKES[name] for pair in changes.items() for word in words_of(pair)
    }
    depth = 0
    for line in text.splitlines(keepends=True):
        bare = NOTE.sub("", line)
        depth += bare.count("{") - bare.count("}")
        if depth == 0 and "}" not in bare and bare.strip("# \r\n") and not any(word in bare for word in words):
            yield line


def words_of(value: Any) -> Iterator[str]:
    """All texts in a value, and its keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from words_of(list(value.items()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from words_of(item)


def is_within(some: Iterable[str], lines: Iterable[str]) -> bool:
    """Whether lines come all and in this order."""
    rest = iter(lines)
    return all(line in rest for line in some)


@settings(max_examples=200, deadline=None)
@given(a_text())
def test_whatever_the_style_what_was_meant_is_written_and_all_else_stays(made: tuple[str, list[str]]) -> None:
    text, names = made
    new = fixed(text)
    assert findings_of(new) == []
    assert plain(new) == RIGHT
    assert sorted(NOTE.findall(new)) == sorted(NOTE.findall(text))
    assert is_within(untouched(text, names), new.splitlines(keepends=True)), new
    assert ("\r" in text, "\n" in text.replace("\r\n", "")) == ("\r" in new, "\n" in new.replace("\r\n", ""))
    assert (new == text) == (not names)


BASE = """\
model_config:
  type: ENCODER
  inference_properties: {entry_script: inference.py, docker_image: python}
model_files:
  inference.py: ./inference.py
  environment.yml: ./environment.yml
  index.md: ./index.md
model_metainfo:
  index_page_file: index.md
  input_types: [NATURAL_LANGUAGE]
  input_languages: [en]
  input_description: A line.
  output_types: [CLASS_LABEL]
  output_description: A label.
  num_params: 9
"""


def changed(before: str, after: str) -> str:
    """A descriptor that nothing is wrong with, but for one change."""
    assert BASE.count(before) == 1, before
    return BASE.replace(before, after)


SAME = "what it was before"


@pytest.mark.parametrize(
    ("before", "wrong", "right"),
    [
        # taken out
        ("model_files:", "version: 1.0  # of ours\nmodel_files:", SAME),
        ("input_languages: [en]", "input_languages:\n    - en\n    - 'en'  # again", "input_languages:\n    - en"),
        ("  output_types:", "  type: ENCODER  # again\n  output_types:", SAME),
        ("input_languages: [en]", "input_languages: [en, EN]", SAME),
        ("input_languages: [en]", "input_languages: [en, en, en]", SAME),
        # moved
        (
            "  num_params: 9\n",
            "  # why\n  # and how\n  license: MIT  # really\n  num_params: 9\n",
            "  num_params: 9\n# why\n# and how\nlicense: MIT  # really\n",
        ),
        ("  num_params: 9\n", "  num_params: 9\n  license: MIT", "  num_params: 9\nlicense: MIT"),
        (
            "model_config:\n  type: ENCODER\n",
            "# about the file\nprivate: true\nmodel_config:\n  type: ENCODER\n",
            "# about the file\nmodel_config:\n  type: ENCODER\n  private: true\n",
        ),
        (
            "{entry_script: inference.py, docker_image: python}\n",
            "{entry_script: inference.py}\n  docker_image: a:b  # pinned\n",
            "{entry_script: inference.py, docker_image: a:b}\n  # pinned\n",
        ),
        # written anew
        ("type: ENCODER", "type: >-  # why\n    encoder\n", "type: ENCODER  # why\n"),
        ("num_params: 9", "num_params: '1,000,000'", "num_params: 1000000"),
        ("num_params: 9", "num_params: 1.1B", "num_params: 1100000000"),
        ("num_params: 9", "num_params: 1e6", "num_params: 1000000"),
        ("input_languages: [en]", "input_languages: EN, de", "input_languages: [en, de]"),
        ("input_languages: [en]", "input_languages: ['EN', \"de_at\"]", "input_languages: ['en', \"de-AT\"]"),
        ("docker_image: python", "docker_image: docker://GHCR.io/Team/Image:V1", "docker_image: ghcr.io/team/image:V1"),
        ("output_types: [CLASS_LABEL]", "output_types: [class_label]", SAME),
        ("inference.py: ./inference.py", "inference.py: ./x/../inference.py", SAME),
        ("inference.py: ./inference.py", "inference.py: ./inferense.py", SAME),
        ("inference.py: ./inference.py", "./inference.py: ./inference.py", SAME),
        ("index_page_file: index.md", "index_page_file: docs/index.md", SAME),
        ("  num_params: 9\n", "  num_params: 9\n  lisence: MIT\n", "  num_params: 9\nlicense: MIT\n"),
        # characters
        ("  type: ENCODER\n  inference_properties", "\ttype: ENCODER\n\tinference_properties", SAME),
        ("model_config", "\ufeffmodel_config", SAME),
        ("A label.", "A la\u200fbel.", SAME),
        ("num_params: 9", "num_params: !!int 9", SAME),
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_what_is_computed_is_what_somebody_would_write(before: str, wrong: str, right: str, line_break: str) -> None:
    made = changed(before, wrong).replace("\n", line_break)
    expected = (BASE if right is SAME else changed(before, right)).replace("\n", line_break)
    assert findings_of(made) != []
    assert fixed(made) == expected
    assert findings_of(expected) == []


@pytest.mark.parametrize(
    ("before", "wrong", "rule"),
    [
        ("num_params: 9", "num_params: 9\n  type: DECODER", "misplaced-key"),  # and the other section says ENCODER
        ("num_params: 9", "num_params: 9\n  username: ci", "misplaced-key"),  # there is no mapping that it belongs to
        ("type: ENCODER", "type: ECODER", "wrong-value"),  # DECODER is as near
        ("type: ENCODER", "type: TRANSFORMER", "wrong-value"),
        ("num_params: 9", "num_params: many", "wrong-type"),
        ("num_params: 9", "num_params: 9\n  tags: [small]", "unknown-key"),
        ("license: MIT", "license: GPL", "license-unknown"),
        ("  output_types:", "  output_languages: [en]\n  output_types:", "languages-unused"),  # was a type forgotten?
        ("input_languages: [en]", "input_languages: [Klingonian]", "language-unknown"),
        (
            "output_types: [CLASS_LABEL]",
            "output_types: [SOURCE_CODE]\n  output_languages: [English]",
            "language-unknown",
        ),
        ("entry_script: inference.py", "entry_script: training.py", "entry-script-unknown"),
        ("model_files:", "model_files:\n  con.txt: ./inference.py", "invalid-target"),
        ("model_files:", "model_files:\n  a.bin: http://elsewhere.example.com/a.bin", "source-not-allowed"),
        ("input_languages: [en]", "input_languages: &a [en]", "anchor"),
        ("docker_image: python", "docker_image: my image", "docker-image-invalid"),
    ],
)
def test_what_may_mean_several_things_is_left_alone(before: str, wrong: str, rule: str) -> None:
    made = f"{BASE}license: MIT\n".replace(before, wrong, 1)
    assert any(finding.rule.startswith(rule) for finding in findings_of(made))
    assert fixed(made) == made


def test_a_shard_is_not_taken_for_another_one() -> None:
    shards = "".join(f"  model-0000{n}-of-00002.bin: ./model-0000{n}-of-00002.bin\n" for n in (1, 2))
    text = BASE.replace("model_metainfo:", f"{shards}model_metainfo:")
    version = a_version(text)
    (first,) = [f for f in check_version(version, POLICY) if f.rule == "local-file-missing" and "00001" in f.message]
    assert first.fix is None


def test_two_of_a_kind_that_are_moved_are_not_both_written() -> None:
    made = BASE.replace("num_params: 9", "num_params: 9\n  private: true").replace(
        "model_files:", "private: false\nmodel_files:"
    )
    assert fixed(made).count("private:") == 2
    assert [finding.rule for finding in findings_of(fixed(made))] == ["misplaced-key"]


def test_a_pin_that_is_known_is_written_for_its_url_alone() -> None:
    url = "https://models.example.com/m"
    made = BASE.replace("model_metainfo:", f"  a: {url}/a\n  b: {url}/b\nmodel_metainfo:")
    known = {f"{url}/a": Digest("ab" * 32, 7)}
    assert fixed(made, known) == made.replace(
        f"  a: {url}/a\n", f"  a: {{source: {url}/a, sha256: {'ab' * 32}, size: 7}}\n"
    )


def test_a_mapping_with_comments_is_not_pressed_into_braces() -> None:
    made = (
        "model_config: {type: ENCODER}\ninference_properties:\n  entry_script: inference.py  # why\n"
        "  docker_image: python\n" + BASE.partition("docker_image: python}\n")[2]
    )
    assert fixed(made) == made
    assert fixed(made.replace("  # why", "")).startswith(
        "model_config: {type: ENCODER, inference_properties: {entry_script: inference.py, docker_image: python}}\n"
    )


def test_what_could_not_be_written_is_somebody_s_turn() -> None:
    outcomes = Outcomes([Result("models/a\u202e/1.0/model.yaml", reason="it is\x1b no file", hint="look")], [], 1, True)
    assert outcomes.exit_code == 1
    assert fixes.render_text(outcomes) == (
        "fixed: 0 findings in 0 descriptors\n\nmodels/a\\u202e/1.0/model.yaml\n    not written: it is\\u001b no file\n"
        "    hint: look\n\nok: 1 version, nothing wrong\n"
    )


_SCRAP = st.sampled_from(
    [
        "\t",
        "\ufeff",
        "\u202e",
        "&a ",
        "*a",
        "!!int ",
        "- ",
        "? ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "#",
        "'",
        '"',
        "|\n",
        "\r",
        "\n",
        "\n\n",
        "",
        "name: x\n",
        "type: ENCODER",
    ]
)


@settings(max_examples=200, deadline=None)
@given(a_text(), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), _SCRAP), min_size=1, max_size=4))
def test_a_broken_text_is_fixed_or_left_and_never_made_less_readable(
    made: tuple[str, list[str]], scraps: list[tuple[int, int, str]]
) -> None:
    text, _ = made
    for place, length, scrap in scraps:
        text = text[: place % len(text)] + scrap + text[place % len(text) + length :]
    node = a_version(text).node
    assert node is None or a_version(fixed(text)).node is not None


def test_a_removed_version_is_not_emptied_by_a_command() -> None:
    made = BASE + "lifecycle: {state: removed, reason: gone}\n"
    assert {finding.rule for finding in findings_of(made)} >= {"removal-not-alone"}
    assert fixed(made) == made


def test_many_missing_files_are_not_all_compared_with_all_others() -> None:
    targets = "".join(f"  {name}.bin: ./{name}.bin\n" for name in map("weights{:c}".format, range(97, 122)))
    version = a_version(BASE.replace("model_metainfo:", f"{targets}model_metainfo:"))
    files = {**version.files, "weights.bin": TreeFile("models/tiny/1.0/weights.bin", "100644", "", 9, b"content")}
    found = check_version(replace(version, files=files), POLICY)
    missing = [finding.message for finding in found if finding.rule == "local-file-missing"]
    assert (len(missing), sum("Did you mean" in message for message in missing)) == (25, 20)
