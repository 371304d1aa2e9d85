from __future__ import annotations

from typing import Any

import pytest

from registry.checks.licenses import nearest_license
from registry.checks.values import right_value
from registry.languages import World, read_language
from registry.spelling import Guess, guess

KEYS = ("type", "description", "input_description", "output_description", "entry_script", "conda_env", "license")


@pytest.mark.parametrize(
    ("written", "names", "near", "sure"),
    [
        ("Type", KEYS, "type", "type"),
        ("TYPE", KEYS, "type", "type"),
        ("licence", KEYS, "license", "license"),
        ("lisence", KEYS, "license", "license"),
        ("entry_scirpt", KEYS, "entry_script", "entry_script"),
        ("output_descripton", KEYS, "output_description", "output_description"),
        ("conda_file", KEYS, "conda_env", None),  # nearest, but no slip
        ("tags", KEYS, None, None),
        ("encoder", ("ENCODER", "DECODER"), "ENCODER", "ENCODER"),
        ("ECODER", ("ENCODER", "DECODER"), "ENCODER", None),  # one is as near as the other
        ("training.py", ("inference.py",), None, None),
        (
            "modle-00001-of-00002.bin",
            ("model-00001-of-00002.bin", "model-00002-of-00002.bin"),
            *["model-00001-of-00002.bin"] * 2,
        ),
        ("model-00001-of-00002.bin", ("model-00002-of-00002.bin",), "model-00002-of-00002.bin", None),
        ("ab", ("abc",), "abc", None),  # a slip in so few letters leads anywhere
        ("", ("a",), None, None),
        ("a", (), None, None),
    ],
)
def test_a_guess_is_sure_only_where_a_slip_leads_to_one_name(
    written: str, names: tuple[str, ...], near: str | None, sure: str | None
) -> None:
    assert guess(written, names).sure == sure
    if near != "ENCODER" or sure:
        assert guess(written, names) == Guess(near, sure)


@pytest.mark.parametrize(
    ("kind", "written", "right"),
    [
        ("int_type", "1_000", "1000"),
        ("int_type", "1,234,567", "1234567"),
        ("int_type", "12 000", "12000"),
        ("int_type", "124439808", "124439808"),
        ("int_type", " 7 ", "7"),
        ("int_type", 1e9, "1000000000"),
        ("int_type", "110M", "110000000"),
        ("int_type", "1.1 b", "1100000000"),
        ("int_type", "1.5k", "1500"),
        ("int_type", "1.0005k", None),
        ("int_type", 1.5, None),
        ("int_type", "1,23", None),
        ("int_type", "1.234.567", None),
        ("int_type", "0007", None),
        ("int_type", "-3", None),
        ("int_type", "many", None),
        ("int_type", True, None),
        ("int_type", ["7"], None),
        ("int_type", "9" * 17, None),
        ("bool_type", "no", "false"),
        ("bool_type", "On", "true"),
        ("bool_type", "TRUE", "true"),
        ("bool_type", 1, "true"),
        ("bool_type", "maybe", None),
        ("tuple_type", "en", "[en]"),
        ("tuple_type", "en, pt-BR,", "[en, pt-BR]"),
        ("tuple_type", "C#, c++", "[C#, c++]"),
        ("tuple_type", "Visual Basic .NET", '["Visual Basic .NET"]'),
        ("tuple_type", ": #", '[": #"]'),
        ("tuple_type", " , ", None),
        ("tuple_type", {"a": "b"}, None),
        ("string_type", ["a"], None),
    ],
)
def test_a_value_of_another_type_is_read_where_it_can_be(kind: str, written: Any, right: str | None) -> None:
    assert right_value({"type": kind, "input": written}) == right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("apache2", "Apache-2.0"),
        ("Apache-2", "Apache-2.0"),
        ("the MIT licence", "MIT"),
        ("BSD 3-clause", "BSD-3-Clause"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("mpl v2", "MPL-2.0"),
        ("GPLv3", "GPL-3.0"),
        ("GPL", None),
        ("BSD", None),
        ("Apache or MIT", None),
        ("proprietary", None),
        ("", None),
        ("MIT " * 1000, None),
    ],
)
def test_a_licence_in_other_words_is_known_where_it_is_one(name: str, right: str | None) -> None:
    assert nearest_license(name) == right


def test_a_human_language_among_programming_languages_is_not_taken_for_one_of_them() -> None:
    reading = read_language("English", frozenset({World.SOURCE_CODE}))
    assert reading.meant is None
    assert reading.message == (
        "`English` is the human language `en`, but `NATURAL_LANGUAGE` is not declared: "
        "add `NATURAL_LANGUAGE` to the types, or take the language out"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Pyhton", "PYTHON"), ("javscript", "JAVASCRIPT"), ("Pascall", "PASCAL"), ("Jav", None), ("Elvsih-ish", None)],
)
def test_a_slip_in_a_language_is_seen(name: str, meant: str | None) -> None:
    assert read_language(name, frozenset({World.SOURCE_CODE})).meant == meant
