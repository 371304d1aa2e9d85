"""A maintainer is shown what deserves a look, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from registry.checks.review import Past, check_change
from registry.snapshot import Version
from tests.build import a_descriptor, a_tiny_version

ONE, OTHER = "https://one.example.com/model.bin", "https://other.example.com/model.bin"
STATES = ("active", "deprecated", "withdrawn", "removed")


def a_version_with(model: str = "tiny/1.1", **changes: Any) -> Version:
    """A version that is described with changes."""
    return a_tiny_version(a_descriptor(**changes), model)


def in_state(state: str) -> Version:
    """`tiny/1.0` in a state."""
    lifecycle = {"lifecycle": {"state": state, "reason": "Old."}}
    return a_tiny_version(lifecycle if state == "removed" else a_descriptor(**lifecycle))


def looks(version: Version, past: Past) -> list[tuple[str, str]]:
    """Rule and field of what is to be looked at."""
    return [(finding.rule, finding.field) for finding in check_change(version, past)]


def amended(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    """What is to be looked at where a version is described in another way."""
    return looks(a_version_with(**after), Past(base=a_version_with(**before)))


def added(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    """What is to be looked at in a version after another one."""
    return looks(a_version_with(**after), Past(predecessor=a_version_with("tiny/1.0", **before)))


def test_words_pages_and_a_new_version_like_the_last_need_no_look() -> None:
    reworded = {"model_config__description": "Better.", "license": "ISC", "model_files__more.md": "./index.md"}
    assert amended({}, reworded) == added({}, reworded) == []


def test_the_first_version_of_a_model_is_looked_at() -> None:
    assert looks(a_version_with(), Past(is_new_model=True)) == [("new-model", "")]
    assert looks(a_version_with(), Past()) == []  # it is put before the first one
    assert looks(in_state("removed"), Past(is_new_model=True)) == [("withdrawal", "lifecycle.state")]


def test_what_cannot_be_read_is_not_reviewed() -> None:
    assert looks(a_tiny_version(None, model__yaml=b"["), Past(is_new_model=True)) == []


@pytest.mark.parametrize("compared", [amended, added])
@pytest.mark.parametrize(
    ("before", "after", "targets"),
    [
        ([], [ONE], ["a"]),
        ([ONE], [ONE], []),
        ([ONE], [ONE, ONE.replace("model", "other")], []),
        ([ONE, OTHER], [OTHER], []),
        ([ONE], [ONE, OTHER, OTHER], ["b"]),
        ([ONE], [ONE.replace("one.", "ONE."), ONE.replace("/model", ":443/model")], []),
        ([ONE], ["https://[", "://", "./model.bin", "model.bin"], []),
    ],
)
def test_a_host_that_nothing_came_from_is_named_once(
    compared: Any, before: list[str], after: list[str], targets: list[str]
) -> None:
    sides = [{f"model_files__{name}": url for name, url in zip("abcd", urls, strict=False)} for urls in (before, after)]
    assert compared(*sides) == [("new-source-host", f"model_files.{target}") for target in targets]


def test_the_hosts_of_a_new_model_are_all_new() -> None:
    version = a_version_with(model_files__a=ONE, model_files__b={"source": OTHER})
    fields = [("new-source-host", f"model_files.{field}") for field in ("a", "b.source")]
    assert looks(version, Past(is_new_model=True)) == [("new-model", ""), *fields]


@pytest.mark.parametrize("compared", [amended, added])
@pytest.mark.parametrize(
    ("before", "after", "is_new"),
    [(None, False, True), (True, False, True), (False, False, False), (False, True, False), (None, True, False)],
)
def test_a_version_that_becomes_public_is_looked_at(
    compared: Any,
    before: bool | None,  # noqa: FBT001 - a value of the descriptor
    after: bool,  # noqa: FBT001 - a value of the descriptor
    is_new: bool,  # noqa: FBT001 - what is expected
) -> None:
    found = compared({"model_config__private": before}, {"model_config__private": after})
    assert found == [("made-public", "model_config.private")] * is_new


def test_a_new_model_that_is_public_is_looked_at_for_both() -> None:
    version = a_version_with(model_config__private=False)
    found = list(check_change(version, Past(is_new_model=True)))
    assert [(f.rule, f.severity) for f in found] == [("new-model", "notice"), ("made-public", "warning")]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_a_step_of_the_lifecycle_is_looked_at_unless_it_is_barred(before: str, after: str) -> None:
    found = looks(in_state(after), Past(base=in_state(before)))
    if before == after or before == "removed" or (after == "removed" and before != "withdrawn"):
        assert found == []
    else:
        rule = "withdrawal" if after in ("withdrawn", "removed") else "new-state"
        assert found == [(rule, "lifecycle.state")]


@pytest.mark.parametrize("compared", [amended, added])
@pytest.mark.parametrize(
    ("before", "after", "is_jump"),
    [
        (100, 100, False),
        (100, 199, False),
        (100, 200, True),
        (100, 51, False),
        (100, 50, True),
        (1, 10**15, True),
        (10**15, 1, True),
    ],
)
def test_twice_the_parameters_or_half_of_them_are_a_jump(compared: Any, before: int, after: int, is_jump: bool) -> None:  # noqa: FBT001
    found = compared({"model_metainfo__num_params": before}, {"model_metainfo__num_params": after})
    assert found == [("num-params-jump", "model_metainfo.num_params")] * is_jump


def test_a_predecessor_that_cannot_be_read_bars_no_look() -> None:
    broken = a_tiny_version(None, model__yaml=b"[")
    version = a_version_with(model_files__a=ONE, model_config__private=False)
    fields = [("new-source-host", "model_files.a"), ("made-public", "model_config.private")]
    assert looks(version, Past(predecessor=broken)) == fields
