"""Which receipt is about which entry, and what git's log says."""

from __future__ import annotations

import pytest

from registry.chronicle import Matching, Record, Registered, exit_code, make_entry, unchanged, utc
from registry.diff import Change, FieldChange
from registry.errors import LedgerError, RegistryError, RepositoryError, StorageError
from registry.history import Commit, Step, origin_of, parse_steps
from registry.identity import ModelId

TINY = ModelId("tiny", "1.0")
FIELD = FieldChange("license", "MIT", "Apache-2.0")


def record(tree: str, time: str, *commits: str, outcome: str = "amended") -> Record:
    """A receipt of one day in January."""
    return Record(tree, frozenset(commits), Registered(f"2026-01-{time}T00:00:00Z", None, outcome))


def taken(matching: Matching, tree: str | None, day: str, *, commit: str = "c", is_same: bool = False) -> list[str]:
    """The days of the receipts that an entry gets."""
    made = Commit(commit, (), "Ada <a>", "Ada <a>", f"2026-01-{day}T00:00:00Z", "")
    change = Change(TINY, "changed", TINY, (FIELD,)) if tree else Change(TINY, "removed")
    change = unchanged(TINY) if is_same else change
    entry = make_entry(change, Step(made, {TINY: (None, tree)}), origin_of(made), matching, None)
    return [registered.time[8:10] for registered in entry.records or ()]


def test_a_receipt_is_about_the_newest_entry_with_its_tree_that_was_there_already() -> None:
    matching = Matching([record("a", "02"), record("b", "04"), record("a", "06")])
    assert [taken(matching, "a", "07"), taken(matching, "a", "05")] == [[], ["06"]]
    assert [taken(matching, "b", "03"), taken(matching, "a", "01")] == [["04"], ["02"]]


def test_a_run_that_went_to_the_commit_counts_whatever_its_clock_says() -> None:
    matching = Matching([record("a", "02", "head", "merge")])
    assert taken(matching, "a", "09", commit="other") == []
    assert taken(matching, "a", "09", commit="merge") == ["02"]


def test_receipts_of_what_is_the_same_belong_to_the_change_below_all_of_it() -> None:
    matching = Matching([record("a", "02"), record("b", "04"), record("c", "06")])
    assert taken(matching, "c", "05", is_same=True) == taken(matching, "b", "03", is_same=True) == []
    assert taken(matching, "a", "01") == ["02", "04", "06"]


def test_a_folder_that_is_gone_has_no_receipt_and_hides_none() -> None:
    matching = Matching([record("a", "02")])
    assert [taken(matching, None, "03"), taken(matching, "a", "01")] == [[], ["02"]]


def test_only_the_first_of_a_version_is_the_latest() -> None:
    made = Commit("c", (), "Ada <a>", "Ada <a>", "2026-01-01T00:00:00Z", "")
    matching = Matching([])
    entries = [
        make_entry(unchanged(TINY), Step(made, {TINY: ("a", "b")}), origin_of(made), matching, "since") for _ in "12"
    ]
    assert [(entry.is_latest, entry.pending) for entry in entries] == [(True, "since"), (False, None)]


def test_the_log_of_the_main_line_is_read_as_steps() -> None:
    old, new, none = "1" * 40, "2" * 40, "0" * 40
    pieces = [
        "\x01c2\nc1 c0\nAda <a>\nGrace <g>\n2026-01-01T00:00:00Z\nfirst: \x01second",
        *(f"\n:040000 040000 {old} {new} M", "models"),
        *(f":040000 040000 {old} {new} M", "models/tiny"),
        *(f":040000 120000 {old} {new} T", "models/tiny/1.0"),
        *(f":000000 040000 {none} {new} A", "models/tiny/1.1"),
        *(f":000000 100644 {none} {new} A", "models/tiny/1.1/\x01model.yaml"),
        "\x01c1\n\nAda <a>\nGrace <g>\n2026-01-01T00:00:00Z\n",
        *(f"\n:040000 000000 {old} {none} D", "models/tiny/1.0"),
    ]
    first, second = parse_steps(pieces, "models")
    assert (first.commit.parents, first.commit.subject) == (("c1", "c0"), "first: \x01second")
    assert first.trees == {TINY: (old, None), ModelId("tiny", "1.1"): (None, new)}
    assert (second.commit.id, second.trees) == ("c1", {TINY: (old, None)})
    assert list(parse_steps([], "models")) == []


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("", ""),
    ],
)
def test_times_are_in_utc(time: str, shown: str) -> None:
    assert utc(time) == shown


@pytest.mark.parametrize(
    ("problems", "code"),
    [
        ([], 0),
        ([StorageError("")], 3),
        ([StorageError(""), LedgerError("")], 1),
        ([LedgerError(""), RepositoryError("")], 2),
    ],
)
def test_what_is_lacking_decides_the_exit_code(problems: list[RegistryError], code: int) -> None:
    assert exit_code(problems) == code
