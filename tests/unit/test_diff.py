from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from registry.diff import FieldChange, FileChange, make_diff, make_fields, make_files, predecessors, refused
from registry.identity import ModelId
from registry.snapshot import Snapshot, make_snapshot
from registry.tree import TreeFile
from registry.wire import Json, make_request
from tests.build import a_descriptor, a_version

TINY = ModelId("tiny", "1.0")
URL = "https://account.blob.core.windows.net/uploads/model.bin"


def a_snapshot(versions: Mapping[str, Mapping[str, bytes]]) -> Snapshot:
    """A snapshot of these versions; files with equal bytes have equal ids."""
    files = [
        TreeFile(f"models/{model}/{name}", "100644", f"{hash(data):x}", len(data), data)
        for model, found in versions.items()
        for name, data in found.items()
    ]
    return make_snapshot(files, "models")


def a_request(**changes: Any) -> Json:
    """What a descriptor asks for; each file is known by its own name."""
    version = a_snapshot({"tiny/1.0": a_version(a_descriptor(**changes))}).versions[TINY]
    assert version.descriptor is not None
    files = {target: {"sha256": target, "size": 1} for target in version.descriptor.model_files}
    return make_request(version.descriptor, files)


def test_equal_snapshots_do_not_differ() -> None:
    one = a_snapshot({"tiny/1.0": a_version()})
    assert make_diff(one, a_snapshot({"tiny/1.0": a_version()})) == []


def test_another_spelling_is_no_change() -> None:
    written = a_version()["model.yaml"]
    respelled = b"# a comment\n" + written.replace(b"type: ENCODER", b"private: true\n  type: 'ENCODER'")
    versions = {"tiny/1.0": a_version()}, {"tiny/1.0": a_version(model__yaml=respelled)}
    before, after = map(a_snapshot, versions)
    assert make_diff(before, after) == []


def test_fields_and_files_that_differ_are_named_in_the_models_terms() -> None:
    after = a_version(
        a_descriptor(
            model_config__description=None,
            model_metainfo__num_params=18,
            model_metainfo__input_languages=["en", "fr"],
            model_files__copy="./model.bin",
        ),
        index__md=b"# Tiny, longer\n",
    )
    (change,) = make_diff(a_snapshot({"tiny/1.0": a_version()}), a_snapshot({"tiny/1.0": after}))
    assert (change.model, change.kind, change.compared_with) == (TINY, "changed", TINY)
    assert change.fields == (
        FieldChange("model_config.description", "A tiny encoder.", None),
        FieldChange("model_metainfo.input_languages", ["en"], ["en", "fr"]),
        FieldChange("model_metainfo.num_params", 9, 18),
    )
    assert [(file.target, file.kind) for file in change.files] == [("copy", "added"), ("index.md", "changed")]


def test_a_new_version_is_compared_with_the_one_before_it() -> None:
    versions = {"tiny/1.9": a_version(), "tiny/1.11": a_version(), "tiny/1.10": a_version(a_descriptor(license="ISC"))}
    (change,) = make_diff(a_snapshot({k: versions[k] for k in ("tiny/1.9", "tiny/1.11")}), a_snapshot(versions))
    assert (change.kind, change.compared_with) == ("added", ModelId("tiny", "1.9"))
    assert change.fields == (FieldChange("license", "MIT", "ISC"),)
    assert change.files == ()


def test_a_first_version_is_compared_with_nothing() -> None:
    (change,) = make_diff(
        a_snapshot({"other/1.0": a_version()}), a_snapshot({"other/1.0": a_version(), "tiny/1.0": a_version()})
    )
    assert (change.kind, change.compared_with) == ("added", None)
    assert {file.kind for file in change.files} == {"added"}
    assert FieldChange("model_config.type", None, "ENCODER") in change.fields


def test_a_folder_that_is_gone_and_a_removal_are_removed() -> None:
    removal = {"model.yaml": b"lifecycle: {state: removed, reason: Unused.}\n"}
    base = a_snapshot({"gone/1.0": a_version(), "tiny/1.0": a_version()})
    gone, removed = make_diff(base, a_snapshot({"tiny/1.0": removal}))
    assert (gone.kind, removed.kind) == ("removed", "removed")
    assert FieldChange("lifecycle.state", "active", "removed") in removed.fields


@pytest.mark.parametrize("broken", [b"[", b"", b"model_config: 5\n"])
def test_a_side_that_cannot_be_read_is_said(broken: bytes) -> None:
    good, bad = a_snapshot({"tiny/1.0": a_version()}), a_snapshot({"tiny/1.0": a_version(model__yaml=broken)})
    for before, after in ((good, bad), (bad, good), (a_snapshot({}), bad)):
        (change,) = make_diff(before, after)
        assert change.unreadable


@pytest.mark.parametrize("source", ["https://[", "://", "https://a\\b", "file:///etc/passwd"])
def test_a_source_that_is_no_url_can_be_compared(source: str) -> None:
    after = a_snapshot({"tiny/1.0": a_version(a_descriptor(model_files__weights=source))})
    (change,) = make_diff(a_snapshot({"tiny/1.0": a_version()}), after)
    assert change.files == (FileChange("weights", "added", None, {"url": source, "size": None}),)


def test_a_pinned_file_may_move() -> None:
    pin = {"sha256": "0" * 64, "size": 7}
    before = a_version(a_descriptor(model_files__weights={"source": URL, **pin}))
    after = a_version(a_descriptor(model_files__weights={"source": f"{URL}.moved", **pin}))
    (change,) = make_diff(a_snapshot({"tiny/1.0": before}), a_snapshot({"tiny/1.0": after}))
    assert [(file.target, file.kind) for file in change.files] == [("weights", "moved")]


@pytest.mark.parametrize(
    ("model", "parent", "expected"),
    [
        ("1.1", None, "1.0"),
        ("1.1", "tiny/0.9", "0.9"),
        ("1.1", "other/0.9", "1.0"),
        ("1.1", "tiny/5.0", "1.0"),  # not there
        ("1.1", "tiny/1.1", "1.0"),  # itself
        ("0.1", None, None),
        ("1.0", None, "1.0rc1"),
        ("3.0", None, "2.0"),
    ],
)
def test_the_version_before_is_the_parent_or_the_next_lower_one(
    model: str, parent: str | None, expected: str | None
) -> None:
    known = [ModelId("tiny", version) for version in ("0.9", "1.0rc1", "1.0", "1.1", "2.0")]
    new = ModelId("tiny", model)
    found = predecessors({new: parent}, [*known, ModelId("other", "1.0"), ModelId("other", "0.9")])[new]
    assert (found.version if found else None) == expected


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False), ("1", 1)])
def test_values_of_another_kind_differ(before: object, after: object) -> None:
    assert make_fields({"a": {"b": before}}, {"a": {"b": after}}) == (FieldChange("a.b", before, after),)


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_empty_and_absent_are_one(empty: object) -> None:
    assert make_fields({"a": empty, "b": 0}, {"b": 0}) == ()


def test_files_are_compared_by_digest_and_by_place_only_without_one() -> None:
    one, other = {"sha256": "1", "url": "a"}, {"sha256": "1", "url": "b"}
    assert make_files({"x": one}, {"x": other}) == ()
    assert make_files({"x": {"url": "a"}}, {"x": {"url": "a"}}) == ()
    assert make_files({"x": {"url": "a"}}, {"x": one}) == ()
    assert [change.kind for change in make_files({"x": {"url": "b"}, "y": one}, {"x": one, "z": one})] == [
        "changed",
        "removed",
        "added",
    ]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"model_config__description": "Better."}, []),
        ({"model_config__private": False}, []),
        ({"model_metainfo__num_params": 10}, []),
        ({"model_metainfo__output_types": ["CLASS_LABEL"]}, []),
        ({"license": "ISC"}, []),
        ({"parent": "tiny/0.9"}, []),
        ({"lifecycle": {"state": "deprecated", "reason": "Old."}}, []),
        ({"model_files__page.png": "./index.md", "model_metainfo__images": ["page.png"]}, []),
        (
            {"model_files__other.md": "./index.md", "model_metainfo__index_page_file": "other.md"},
            [],
        ),
        ({"model_config__type": "DECODER"}, ["model_config.type"]),
        (
            {"model_config__inference_properties__docker_image": "python:3.11"},
            ["model_config.inference_properties.docker_image"],
        ),
        (
            {"model_config__training_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"}},
            ["model_config.training_properties.conda_env", "model_config.training_properties.entry_script"],
        ),
        ({"model_files__more.bin": "./model.bin"}, ["model_files.more.bin"]),
        ({"model_files__model.bin": None}, ["model_files.model.bin"]),
        ({"private_packages": ["model.bin"]}, ["private_packages"]),
        ({"model_metainfo__images": ["model.bin"]}, []),
    ],
)
def test_a_registered_version_keeps_all_but_its_words_and_pages(changes: dict[str, Any], kept: list[str]) -> None:
    assert refused(a_request(), a_request(**changes)) == kept


def test_a_page_that_is_also_used_by_a_script_is_kept() -> None:
    before, after = a_request(model_metainfo__index_page_file="inference.py"), a_request()
    after["model_files"]["inference.py"] = {"sha256": "other", "size": 1}
    assert refused(before, after) == ["model_files.inference.py"]


def test_a_content_file_does_not_become_a_page_to_be_changed() -> None:
    after = a_request(model_metainfo__images=["model.bin"])
    after["model_files"]["model.bin"] = {"sha256": "other", "size": 1}
    assert refused(a_request(), after) == ["model_files.model.bin"]
