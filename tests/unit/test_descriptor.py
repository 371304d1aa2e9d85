"""The descriptor as contributors meet it: text in, a value or findings out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checks import check_snapshot
from registry.finding import Finding
from registry.identity import ModelId
from registry.policy import Policy
from registry.rules import RULES
from registry.snapshot import Snapshot, Version, make_snapshot
from registry.tree import SUBMODULE, SYMLINK, TreeFile
from tests.build import a_descriptor, a_version

TINY = ModelId("tiny", "1.0")
URL = "https://account.blob.core.windows.net/uploads/tiny/model.bin"
PIN = {"sha256": "0" * 64, "size": 7}
OPEN = Policy(sources=("https://account.blob.core.windows.net/uploads/",))


def a_tree(files: dict[str, bytes], folder: str = "models/tiny/1.0") -> list[TreeFile]:
    """The files of one version."""
    return [TreeFile(f"{folder}/{name}", "100644", "", len(data), data) for name, data in files.items()]


def a_snapshot(text: str | None = None, **changes: Any) -> Snapshot:
    """A snapshot of one version: of this text, or of a descriptor with changes."""
    files = a_version(a_descriptor(**changes))
    if text is not None:
        files["model.yaml"] = text.encode()
    return make_snapshot(a_tree(files), "models")


def from_source(source: Any, **changes: Any) -> Snapshot:
    """A snapshot of one version whose `model.bin` comes from this source."""
    return a_snapshot(**{"model_files__model.bin": source, **changes})


def version_of(snapshot: Snapshot) -> Version:
    """Its only version."""
    (version,) = snapshot.versions.values()
    return version


def findings_of(snapshot: Snapshot, policy: Policy = OPEN) -> list[Finding]:
    """All that is wrong with a snapshot."""
    return check_snapshot(snapshot, policy, snapshot.versions)


def rules_of(snapshot: Snapshot, policy: Policy = OPEN) -> list[str]:
    """The rules that it breaks."""
    return [finding.rule for finding in findings_of(snapshot, policy)]


def text_of(descriptor: dict[str, Any]) -> str:
    """The descriptor as a file holds it."""
    return yaml.safe_dump(descriptor, sort_keys=False)


def test_the_smallest_descriptor_has_the_defaults() -> None:
    snapshot = a_snapshot(license=None, model_config__description=None)
    assert rules_of(snapshot) == []
    descriptor = version_of(snapshot).descriptor
    assert descriptor is not None
    assert (descriptor.configuration.private, descriptor.configuration.description) == (True, "")
    assert (descriptor.lifecycle.state, descriptor.license, descriptor.parent) == ("active", None, None)
    assert descriptor.model_metainfo.output_languages == descriptor.private_packages == ()


def test_a_descriptor_cannot_change() -> None:
    descriptor = version_of(a_snapshot()).descriptor
    assert descriptor is not None
    with pytest.raises(ValueError, match="frozen"):
        descriptor.license = "GPL-3.0-only"


def test_no_password_is_shown_by_a_descriptor() -> None:
    registry = {"url": "registry.example.com", "username": "ci", "password": "hunter2"}
    assert "hunter2" not in repr(version_of(a_snapshot(model_config__inference_properties__docker_registry=registry)))


@pytest.mark.parametrize("password", ["hunter2", "hunter2" * 100, ["hunter2"], {"hunter2": 1}])
def test_no_password_is_shown_by_a_finding(password: Any) -> None:
    registry = {"url": "registry.example.com", "username": "ci", "password": password}
    found = findings_of(a_snapshot(model_config__inference_properties__docker_registry=registry))
    assert found
    assert "hunter2" not in repr(found)


def test_numbers_and_words_are_what_the_key_wants() -> None:
    written = text_of(a_descriptor()).replace("input_languages:\n  - en", "input_languages: [no]")
    descriptor = version_of(a_snapshot(written.replace("A sentence.", "1.10"))).descriptor
    assert descriptor is not None
    assert descriptor.model_metainfo.input_description == "1.10"
    assert descriptor.model_metainfo.input_languages == ("no",)


def test_arguments_keep_their_kind() -> None:
    written = text_of(a_descriptor()) + "# end\n"
    training = """  training_properties:
    entry_script: inference.py
    conda_env: environment.yml
    args: {"--lr": 0.001, "-v": "", "--n": 3, "--on": true, "--s": "3", "--word": no, 1: 1.10}
model_files:"""
    snapshot = a_snapshot(written.replace("model_files:", training))
    assert rules_of(snapshot) == []
    descriptor = version_of(snapshot).descriptor
    assert descriptor is not None
    assert descriptor.configuration.training_properties is not None
    assert descriptor.configuration.training_properties.args == {
        "--lr": 0.001, "-v": "", "--n": 3, "--on": True, "--s": "3", "--word": "no", "1": 1.1,
    }  # fmt: skip


@pytest.mark.parametrize("value", [".nan", "-.inf", "1e999", "[1]", "{a: 1}", ""])
def test_an_argument_that_json_cannot_carry_is_said_once(value: str) -> None:
    training = f"""  training_properties:
    entry_script: inference.py
    conda_env: environment.yml
    args: {{"--lr": {value}}}
model_files:"""
    (finding,) = findings_of(a_snapshot(text_of(a_descriptor()).replace("model_files:", training)))
    assert (finding.rule, finding.field) == ("wrong-type", "model_config.training_properties.args.--lr")
    assert "text, a finite number, `true` or `false`" in finding.message


def test_a_source_has_a_short_and_a_long_form() -> None:
    short = version_of(a_snapshot()).descriptor
    long = version_of(from_source({"source": "./model.bin"})).descriptor
    assert short == long


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"model_config__type": "encoder"}, ["wrong-value"]),
        ({"model_config__private": "yes"}, ["wrong-type"]),
        ({"model_config__private": 1}, ["wrong-type"]),
        ({"model_config__description": "x" * 201}, ["wrong-value"]),
        ({"model_config__description": "two\nlines"}, ["wrong-value"]),
        ({"model_config__description": None}, []),
        ({"model_config__inference_properties": None}, ["missing-key"]),
        ({"model_config__inference_properties": []}, ["wrong-type"]),
        ({"model_config__inference_properties__entry_script": None}, ["missing-key"]),
        ({"model_config__inference_properties__args": {}}, ["misplaced-key"]),
        ({"model_config__docker_image": "python"}, ["misplaced-key"]),
        ({"model_config__licence": "MIT"}, ["unknown-key"]),
        ({"model_metainfo__num_params": 0}, ["wrong-value"]),
        ({"model_metainfo__num_params": 10**15}, []),
        ({"model_metainfo__num_params": 10**15 + 1}, ["wrong-value"]),
        ({"model_metainfo__num_params": int("9" * 4000)}, ["wrong-type"]),
        ({"model_metainfo__num_params": 1.0}, ["wrong-type"]),
        ({"model_metainfo__num_params": True}, ["wrong-type"]),
        ({"model_metainfo__num_params": "9"}, ["wrong-type"]),
        ({"model_metainfo__input_types": []}, ["wrong-value"]),
        ({"model_metainfo__input_types": "OTHER"}, ["wrong-type"]),
        ({"model_metainfo__input_types": ["OTHER", "OTHER"], "model_metainfo__input_languages": []}, ["wrong-value"]),
        ({"model_metainfo__input_types": ["TEXT"]}, ["wrong-value"]),
        ({"model_metainfo__input_description": ""}, ["wrong-value"]),
        ({"model_metainfo__input_description": "x" * 2001}, ["wrong-value"]),
        ({"model_metainfo__input_languages": [["en"]]}, ["wrong-type", "languages-missing"]),
        ({"model_metainfo__images": ["index.md"]}, ["image-unknown"]),
        ({"model_metainfo__images": ["model.bin"] * 2}, ["image-unknown", "image-unknown", "wrong-value"]),
        ({"model_metainfo__type": "ENCODER"}, ["misplaced-key"]),
        ({"model_metainfo__version": "1.0"}, ["repeated-identity"]),
        ({"name": "tiny"}, ["repeated-identity"]),
        ({"type": "ENCODER"}, ["misplaced-key"]),
        ({"private_packages": ["model.bin"]}, ["package-unknown"]),
        ({"license": "mit"}, ["license-unknown"]),
        ({"license": 5}, ["license-unknown"]),
        ({"lifecycle": {"state": "retired"}}, ["wrong-value"]),
        ({"lifecycle": {"status": "active"}}, ["unknown-key"]),
        ({"parent": ["tiny/0.9"]}, ["wrong-type"]),
        ({"model_files__model.bin": f"{URL}"}, ["pin-missing", "stray-file"]),
        ({"model_files__model.bin": {"source": URL, **PIN}}, ["stray-file"]),
        ({"model_files__model.bin": {"source": URL, **PIN, "size": "7"}}, ["stray-file", "wrong-type"]),
        ({"model_files__model.bin": {"source": URL, **PIN, "sha256": "A" * 64}}, ["stray-file", "wrong-value"]),
        ({"model_files__model.bin": {"source": URL, **PIN, "md5": "0"}}, ["stray-file", "unknown-key"]),
        ({"model_files__model.bin": {"url": URL}}, ["stray-file", "missing-key", "unknown-key"]),
        ({"model_files__model.bin": "model.bin"}, ["stray-file", "wrong-value"]),
        ({"model_files__model.bin": "./../1.1/model.bin"}, ["stray-file", "wrong-value"]),
        ({"model_files__model.bin": "file:///etc/passwd"}, ["stray-file", "source-not-allowed", "pin-missing"]),
        ({"model_files__model.bin": ["./model.bin"]}, ["stray-file", "wrong-type"]),
        ({"model_files__model.bin": None, "model_files__MODEL.BIN": "./model.bin"}, []),
        ({"model_files__MODEL.BIN": "./model.bin"}, ["invalid-target"]),
        ({"model_files__index.md/x": "./model.bin"}, ["invalid-target"]),
        ({"model_files__[key]": "./model.bin"}, []),
    ],
)
def test_a_mistake_breaks_these_rules_and_no_others(changes: dict[str, Any], rules: list[str]) -> None:
    assert sorted(rules_of(a_snapshot(**changes))) == sorted(rules)


@pytest.mark.parametrize("section", ["model_config", "model_files", "model_metainfo"])
@pytest.mark.parametrize("value", ["null", "[]", "text", "5", "{}"])
def test_a_section_that_is_none_is_said_and_nothing_fails(section: str, value: str) -> None:
    whole = a_descriptor()
    del whole[section]
    found = findings_of(a_snapshot(f"{section}: {value}\n{text_of(whole)}"))
    assert found
    assert {finding.severity for finding in found} == {"error"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [("", "not-a-mapping"), ("# later\n", "not-a-mapping"), ("5", "not-a-mapping"), ("null", "not-a-mapping")],
)
def test_a_descriptor_without_content_is_said(text: str, rule: str) -> None:
    assert rules_of(a_snapshot(text)) == [rule]


@pytest.mark.parametrize(
    ("found", "field", "message"),
    [
        ("num_params: 1.5", "model_metainfo.num_params", "`num_params` is `1.5`; write a whole number"),
        ("num_params: true", "model_metainfo.num_params", "`num_params` is `true`; write a whole number"),
        (
            "num_params: 1_000",
            "model_metainfo.num_params",
            "`num_params` is the text `1_000`; write a whole number: `1000`",
        ),
        ("num_params: ''", "model_metainfo.num_params", "`num_params` is an empty text; write a whole number"),
        (
            "num_params:",
            "model_metainfo.num_params",
            "`num_params` is empty. Write a whole number, or take the key out",
        ),
        ("num_params: [9]", "model_metainfo.num_params", "`num_params` is a list; write a whole number"),
        ("num_params: -1", "model_metainfo.num_params", "`num_params` is `-1`; write a number of at least 1"),
    ],
)
def test_a_wrong_number_is_shown_as_it_is_written(found: str, field: str, message: str) -> None:
    (finding,) = findings_of(a_snapshot(text_of(a_descriptor()).replace("num_params: 9", found)))
    assert (finding.field, finding.message) == (field, message)


def test_a_finding_stands_at_the_value_that_is_wrong() -> None:
    written = text_of(a_descriptor())
    line = written.split("\n").index("  type: ENCODER") + 1
    (finding,) = findings_of(a_snapshot(written.replace("type: ENCODER", "type: ENCODR")))
    assert (finding.path, finding.line, finding.column) == ("models/tiny/1.0/model.yaml", line, 9)
    assert finding.found == "`ENCODR`"


def test_a_removed_version_is_its_lifecycle_alone() -> None:
    only = "lifecycle: {state: removed, reason: The licence was withdrawn.}\n"
    snapshot = make_snapshot(a_tree({"model.yaml": only.encode()}), "models")
    assert rules_of(snapshot) == []
    assert version_of(snapshot).removal is not None
    assert rules_of(a_snapshot(only)) == ["stray-file"] * 4


def test_of_a_removed_version_each_key_too_many_is_named() -> None:
    snapshot = make_snapshot(
        a_tree(a_version(a_descriptor(lifecycle={"state": "removed", "reason": "Unused."}))), "models"
    )
    found = [finding for finding in findings_of(snapshot) if finding.path.endswith("model.yaml")]
    assert [(finding.rule, finding.found) for finding in found] == [
        ("removal-not-alone", key) for key in ("model_config", "model_files", "model_metainfo", "license")
    ]


@pytest.mark.parametrize(
    ("path", "mode", "rule"),
    [
        ("models/link", SYMLINK, "symlink"),
        ("models/tiny/1.0", SYMLINK, "symlink"),
        ("models/tiny/vendored", SUBMODULE, "submodule"),
        ("models/tiny/1.0/vendored", SUBMODULE, "submodule"),
        ("models", SYMLINK, "symlink"),
        ("models/tiny/README.md", "100644", "stray-file"),
        ("models/model.yaml", "100644", "stray-file"),
    ],
)
def test_what_is_no_file_of_a_version_is_named_as_what_it_is(path: str, mode: str, rule: str) -> None:
    whole = a_tree(a_version(), "models/other/1.0")
    found = findings_of(make_snapshot([*whole, TreeFile(path, mode, "", 0)], "models"))
    assert (path, rule) in [(finding.path, finding.rule) for finding in found]
    assert {finding.rule for finding in found} <= {rule, "descriptor-missing"}


@pytest.mark.parametrize("mode", [SYMLINK, SUBMODULE])
def test_a_descriptor_that_is_no_file_is_not_read(mode: str) -> None:
    whole = [file._replace(mode=mode) if file.path.endswith(".yaml") else file for file in a_tree(a_version())]
    snapshot = make_snapshot(whole, "models")
    assert version_of(snapshot).descriptor is None
    assert rules_of(snapshot) == ["symlink" if mode == SYMLINK else "submodule"]


def test_versions_that_differ_only_in_case_are_twins() -> None:
    snapshot = make_snapshot(
        [*a_tree(a_version(), "models/tiny/1.0-rc"), *a_tree(a_version(), "models/tiny/1.0-RC")], "models"
    )
    assert rules_of(snapshot) == ["twin", "twin"]


def test_one_bad_version_leaves_the_others_alone() -> None:
    bad = a_tree({"model.yaml": b"["}, "models/bad/1.0")
    snapshot = make_snapshot([*bad, *a_tree(a_version())], "models")
    assert [(finding.path, finding.rule) for finding in findings_of(snapshot)] == [
        ("models/bad/1.0/model.yaml", "yaml-syntax")
    ]
    assert snapshot.versions[TINY].descriptor is not None


def test_the_settings_weigh_and_silence_rules() -> None:
    snapshot = from_source(URL, license="mit")
    policy = Policy(sources=OPEN.sources, severity={"license-unknown": "warning", "stray-file": "off"}, pins="warn")
    assert [(finding.rule, finding.severity) for finding in findings_of(snapshot, policy)] == [
        ("pin-missing", "warning"),
        ("license-unknown", "warning"),
    ]


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        (URL, True),
        ("https://account.blob.core.windows.net:443/uploads/tiny/model.bin", True),
        ("https://ACCOUNT.blob.core.windows.net/uploads/a", True),
        ("http://account.blob.core.windows.net/uploads/a", False),
        ("https://account.blob.core.windows.net/uploadsx/a", False),
        ("https://account.blob.core.windows.net/uploads/../other/a", False),
        ("https://account.blob.core.windows.net/uploads/%2e%2e/other/a", False),
        ("https://account.blob.core.windows.net/uploads/..%2fother/a", False),
        ("https://account.blob.core.windows.net/uploads/%252e%252e/other", False),
        ("https://account.blob.core.windows.net\\@example.com/uploads/a", False),
        ("https://account.blob.core.windows.net.example.com/uploads/a", False),
        ("https://account.blob.core.windows.net/uploads/a#b", False),
        ("https://account.blob.core.windows.net/uploads/a b", False),
        ("https://[::1]/uploads/a", False),
        ("https://[", False),
        ("https://127.0.0.1/uploads/a", False),
        ("ftp://account.blob.core.windows.net/uploads/a", False),
        ("javascript://account.blob.core.windows.net/uploads/%0aalert(1)", False),
    ],
)
def test_only_a_url_below_an_allowed_prefix_is_a_source(url: str, is_allowed: bool) -> None:  # noqa: FBT001
    found = rules_of(from_source({"source": url, **PIN}))
    assert (found == ["stray-file"]) is is_allowed


@pytest.mark.parametrize("end", ["?sig=x", "?sv=1&sig=x", "?"])
def test_a_url_that_is_signed_is_named_without_its_signature(end: str) -> None:
    found = findings_of(from_source({"source": URL + end, **PIN}))
    assert [finding.rule for finding in found if "model.yaml" in finding.path] == ["source-credentials"] * (end != "?")
    assert "sig" not in "".join(map(repr, found))


def _scalars(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*keys, key)
            yield from _scalars(inner, (*keys, key))


_PLACES = st.sampled_from(list(_scalars(a_descriptor())))
_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, "", [], {}, [[]], [None], {"a": 1}, {"": None}, 0, -1, 1e400, True, "x" * 5000, "https://[", "://", "./",
        "${env:REGISTRY_DOCKER_PASSWORD_X}", "\U0001f600", "[key]", "latest", [1, 1], {"source": []}, {"source": "./."},
    ]
) | st.text(st.characters(codec="utf-8"), max_size=8)  # fmt: skip


@given(st.lists(st.tuples(_PLACES, _VALUES), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_a_value_is_there_is_a_descriptor_or_an_error(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    whole = a_descriptor()
    for keys, value in changes:
        place: Any = whole
        for key in keys[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[keys[-1]] = value
    snapshot = a_snapshot(yaml.safe_dump(whole, allow_unicode=True))
    found = findings_of(snapshot)
    errors = [finding for finding in found if finding.severity == "error"]
    assert version_of(snapshot).descriptor is not None or errors
    assert all(finding.rule in RULES and finding.message and finding.line >= 1 for finding in found)
