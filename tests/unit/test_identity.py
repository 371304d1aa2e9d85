from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.identity import (
    ModelId,
    alike,
    fold,
    folder_of,
    model_of,
    name_problem,
    parse_model_id,
    target_problem,
    version_order,
    version_problem,
)

VERSIONS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9.+_-]{0,12}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    "versions",
    [
        ["1.0rc1", "1.0", "1.0.1"],
        ["1.2", "1.10"],
        ["1.9", "2", "10"],
        ["1.0a1", "1.0a2", "1.0a10", "1.0b1", "1.0rc1", "1.0"],
        ["0.9", "1.0a", "1.0", "1.0-a", "1.0.post1"],  # letters after a sign come after the version without them
        ["1.0", "1.0+a", "1.0+b", "1.0.1"],
        ["1.0+a", "1.0+a.2", "1.0+a.10"],
        ["1.0rc1+z", "1.0", "1.0+a"],
        ["a", "b", "1"],
        ["2023-12-31", "2024-01-01"],
        ["1.0", "1.00", "1_0"],  # equal numbers: the text decides
    ],
)
def test_versions_are_ordered_as_readers_expect(versions: list[str]) -> None:
    assert sorted(set(versions), key=version_order) == versions


def test_a_text_too_long_for_a_version_is_ordered_too() -> None:
    assert version_order("9" * 10_000) > version_order("1")


@given(st.lists(st.text(max_size=20) | VERSIONS, unique=True))
def test_any_texts_have_one_order(versions: list[str]) -> None:
    ordered = sorted(versions, key=version_order)
    assert all(version_order(one) < version_order(other) for one, other in pairwise(ordered))


@pytest.mark.parametrize("name", ["ab", "zen-gpt2", "a.b_c-d", "1st", "0" * 128, "clones", "con1", "a.con"])
def test_a_good_name_has_no_problem(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "A1",
        "zen gpt",
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "a..b",
        "clone",
        "0" * 129,
        "é1",
        "a/b",
        "ab\n",
        "con",
        "nul.x",
        "com1",
        "lpt9.txt",
        "a\u0131b",
        "\uff11\uff12",
    ],
)
def test_a_bad_name_has_one(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0rc1", "1.0+cu118", "2024-01-01", "A", "v1_2", "0" * 64, "statuses"]
)
def test_a_good_version_has_no_problem(version: str) -> None:
    assert version_problem(version) is None


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1.",
        ".1",
        "+1",
        "1 0",
        "1/0",
        "0" * 65,
        "status",
        "index",
        "latest",
        "LATEST",
        "files",
        "nul",
        "1\n",
        "\uff11",
        "1é",
    ],
)
def test_a_bad_version_has_one(version: str) -> None:
    assert version_problem(version)


@pytest.mark.parametrize(
    "target",
    [
        "a",
        "inference.py",
        "a/b/c.txt",
        ".hidden",
        "..a",
        "a b",
        "caf\u00e9.md",
        "\u6a21\u578b.bin",
        "x" * 512,
        "console",
        "a:b",
        "con_",
        "[key]",
        "-r",
    ],
)
def test_a_good_target_has_no_problem(target: str) -> None:
    assert target_problem(target) is None


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/./b",
        "a\\b",
        "C:\\a",
        "a.",
        "a ",
        "a./b",
        "x" * 513,
        "nul",
        "a/aux.txt",
        "COM\u00b9",
        "a\nb",
        "a\x00b",
        "a\x7fb",
        "a\u202eb",
        "a\u2066b",
        "a\u2028b",
        "cafe\u0301.md",
        "a\ud800",
        "a\u200eb",
        "conin$",
        "a\tb",
        "a\u00adb",
    ],
)
def test_a_bad_target_has_one(target: str) -> None:
    assert target_problem(target)


@given(st.text(max_size=40))
def test_a_target_without_a_problem_stays_below_its_folder(target: str) -> None:
    if target_problem(target) is None:
        assert not {"", ".", ".."} & set(target.split("/"))
        assert target.isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0-RC1", "1.0-rc1"),
        ("zen-gpt", "zen_gpt"),
        ("stra\u00dfe", "STRASSE"),
        ("e\u0301", "\u00e9"),
        ("\ufb01", "fi"),
    ],
)
def test_twins_fold_to_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    listing = "\0".join([f"models/{one}/1.0", "models/other", f"models/{one}", "models/other/1.0", ""])
    assert list(alike(listing, [f"models/{other}"])) == [f"models/{one}/1.0", f"models/{one}"]


@pytest.mark.parametrize("text", ["tiny", "tiny/", "/1.0", "tiny/1.0/x", "Tiny/1.0", "tiny/latest", "", "tiny /1.0"])
def test_what_is_not_name_and_version_is_no_model(text: str) -> None:
    assert parse_model_id(text) is None


def test_a_model_is_spelled_in_one_way() -> None:
    model = ModelId("tiny", "1.0")
    assert parse_model_id(str(model)) == model
    assert folder_of(model, "data/models") == "data/models/tiny/1.0"
    assert model_of("data/models/tiny/1.0/a/b.txt", "data/models") == model


@pytest.mark.parametrize("path", ["models/README.md", "models/tiny/1.0", "other/tiny/1.0/a", "models", "modelsx/a/b/c"])
def test_a_path_outside_of_a_version_belongs_to_no_model(path: str) -> None:
    assert model_of(path, "models") is None
