from __future__ import annotations

from typing import Any

import pytest

from registry.checks import check_snapshot
from registry.identity import ModelId
from registry.plan import ACTIONS, Item, Observed, decide, listed_findings, make_plan
from registry.policy import Policy
from registry.snapshot import Snapshot, Version, make_snapshot
from registry.tree import TreeFile
from registry.wire import Json, make_request
from tests.build import a_descriptor, a_version

TINY = ModelId("tiny", "1.0")
REMOVAL = b"lifecycle: {state: removed, reason: Unused.}\n"


def a_snapshot(files: dict[str, bytes], model: ModelId = TINY) -> Snapshot:
    """A snapshot of one version."""
    found = [TreeFile(f"models/{model}/{name}", "100644", "", len(data), data) for name, data in files.items()]
    return make_snapshot(found, "models")


def a_case(**changes: Any) -> tuple[Version, Json]:
    """A version and its request; each file has four bytes and its own name as digest."""
    version = a_snapshot(a_version(a_descriptor(**changes))).versions[TINY]
    assert version.descriptor is not None
    files = {target: {"sha256": target, "size": 4} for target in version.descriptor.model_files}
    return version, make_request(version.descriptor, files)


def a_removal() -> Version:
    """A version that is removed."""
    return a_snapshot({"model.yaml": REMOVAL}).versions[TINY]


def observed(action: str = "registered", drift: str = "", **changes: Any) -> Observed:
    """What the last receipt of a version says."""
    return Observed(action, a_case(**changes)[1], drift)


def decided(known: Observed | None, **changes: Any) -> Item:
    """The item for a version that is described with changes."""
    version, request = a_case(**changes)
    item = decide(version, request, known, (), TINY)
    assert item is not None
    return item


def test_a_new_version_is_registered_with_all_its_files() -> None:
    item = decided(None)
    assert (item.action, item.files, item.bytes, item.findings) == ("register", 4, 16, ())


@pytest.mark.parametrize("action", ["registered", "amended", "repaired"])
def test_an_equal_version_is_unchanged(action: str) -> None:
    assert decided(observed(action)).action == "unchanged"


def test_words_that_changed_are_amended_and_no_file_is_copied() -> None:
    item = decided(observed(), model_config__description="Better.", model_config__private=False, license="ISC")
    assert (item.action, item.files, item.bytes) == ("amend", 0, 0)


def test_a_page_that_changed_is_amended_and_it_alone_is_copied() -> None:
    version, request = a_case()
    request["model_files"]["index.md"] = {"sha256": "new", "size": 5}
    item = decide(version, request, observed(), (), TINY)
    assert item is not None
    assert (item.action, item.files, item.bytes) == ("amend", 1, 5)


def test_a_new_image_is_amended() -> None:
    changes: dict[str, Any] = {"model_files__loss.png": "./loss.png", "model_metainfo__images": ["loss.png"]}
    assert decided(observed(), **changes).action == "amend"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"model_config__type": "DECODER"}, ["model_config.type"]),
        ({"model_files__more": "./model.bin"}, ["model_files.more"]),
        ({"model_files__model.bin": None}, ["model_files.model.bin"]),
        ({"private_packages": ["model.bin"]}, ["private_packages"]),
        (
            {"model_config__type": "SEQ2SEQ", "model_config__inference_properties__docker_image": "python:3.11"},
            ["model_config.inference_properties.docker_image", "model_config.type"],
        ),
    ],
)
def test_content_that_changed_is_refused_with_a_finding_for_each_field(
    changes: dict[str, Any], fields: list[str]
) -> None:
    item = decided(observed(), **changes)
    assert item.action == "refuse"
    assert [(finding.rule, finding.field) for finding in item.findings] == [("registered-content", f) for f in fields]
    assert all("add it as a new version" in finding.message for finding in item.findings)
    assert "registered-content" in item.reason


def test_a_content_file_that_changed_is_refused_at_its_line() -> None:
    version, request = a_case()
    request["model_files"]["model.bin"] = {"sha256": "new", "size": 4}
    item = decide(version, request, observed(), (), TINY)
    assert item is not None
    (finding,) = item.findings
    assert (finding.field, finding.line) == ("model_files.model.bin", version.place("model_files", "model.bin").line)


def test_a_drift_of_an_equal_version_is_repaired_and_its_reason_kept() -> None:
    item = decided(observed(drift="model.bin is missing in storage"))
    assert (item.action, item.reason, item.files) == ("repair", "model.bin is missing in storage", 4)


def test_a_change_comes_before_a_drift() -> None:
    assert decided(observed(drift="missing"), license="ISC").action == "amend"
    assert decided(observed(drift="missing"), model_config__type="DECODER").action == "refuse"


def test_a_version_with_an_error_is_refused_whatever_is_known_of_it() -> None:
    snapshot = a_snapshot(a_version(a_descriptor(model_config__type="NONSENSE")))
    findings = check_snapshot(snapshot, Policy(), snapshot.versions)
    for known in (None, observed(), observed("removed")):
        item = decide(snapshot.versions[TINY], None, known, findings, TINY)
        assert item is not None
        assert (item.action, item.reason) == ("refuse", "1 finding: wrong-value")


def test_a_warning_refuses_nothing() -> None:
    version, request = a_case()
    warning = version.place().finding("language-also-code", "…")
    item = decide(version, request, None, [warning], TINY)
    assert item is not None
    assert (item.action, item.findings) == ("register", ())


def test_what_cannot_be_read_is_refused_also_where_the_settings_call_it_no_error() -> None:
    snapshot = a_snapshot(a_version(model__yaml=b"["))
    for severity in ("warning", "off"):
        policy = Policy(severity={"yaml-syntax": severity})
        findings = check_snapshot(snapshot, policy, snapshot.versions)
        item = decide(snapshot.versions[TINY], None, observed(), findings, TINY)
        assert item is not None
        assert (item.action, item.findings) == ("refuse", tuple(findings))
        assert "cannot be read" in item.reason


def test_a_folder_that_is_gone_is_missing_and_removes_nothing() -> None:
    item = decide(None, None, observed(), (), TINY)
    assert item is not None
    assert (item.action, item.files) == ("missing", 0)
    assert decide(None, None, None, (), TINY) is None


@pytest.mark.parametrize(
    ("known", "action"),
    [
        (None, "unchanged"),
        (observed("removed"), "unchanged"),
        (observed(lifecycle={"state": "withdrawn", "reason": "Wrong."}), "remove"),
        (observed(lifecycle={"state": "deprecated", "reason": "Old."}), "refuse"),
        (observed(), "refuse"),
    ],
)
def test_only_what_is_withdrawn_is_removed(known: Observed | None, action: str) -> None:
    item = decide(a_removal(), None, known, (), TINY)
    assert item is not None
    assert item.action == action
    assert [finding.rule for finding in item.findings] == ["registered-removed"] * (action == "refuse")


def test_a_removed_version_never_takes_content_again() -> None:
    item = decided(observed("removed"))
    assert (item.action, [finding.rule for finding in item.findings]) == ("refuse", ["registered-removed"])


def test_counts_add_up_and_unchanged_versions_are_not_listed() -> None:
    actions = [*ACTIONS, "unchanged", "register"]
    items: list[Item | None] = [Item(ModelId("tiny", f"1.{n}"), action, "") for n, action in enumerate(actions)]
    plan = make_plan("c" * 40, None, [*items, None], untouched=5)
    assert plan.counts() == {**dict.fromkeys(ACTIONS, 1), "register": 2, "unchanged": 7}
    assert sum(plan.counts().values()) == len(items) + 5
    assert "unchanged" not in {item.action for item in plan.items}


def test_items_are_in_the_order_of_versions() -> None:
    models = [ModelId("b", "1.0"), ModelId("a", "1.10"), ModelId("a", "1.9"), ModelId("a", "1.9rc1")]
    plan = make_plan("c", None, [Item(model, "register", "") for model in models], 0)
    assert [str(item.model) for item in plan.items] == ["a/1.9rc1", "a/1.9", "a/1.10", "b/1.0"]


def test_findings_go_to_the_version_they_are_about() -> None:
    files = [
        TreeFile(f"data/models/{model}/{name}", "100644", "", len(data), data)
        for model in ("a1/1.0", "a1/1.0.1")
        for name, data in {**a_version(model__yaml=b"["), "notes.txt": b""}.items()
    ]
    snapshot = make_snapshot([*files, TreeFile("data/models/stray", "100644", "", 0)], "data/models")
    listed = listed_findings(snapshot, check_snapshot(snapshot, Policy(), snapshot.versions))
    assert {str(model): {finding.path for finding in found} for model, found in listed.items()} == {
        "a1/1.0": {"data/models/a1/1.0/model.yaml"},
        "a1/1.0.1": {"data/models/a1/1.0.1/model.yaml"},
    }
