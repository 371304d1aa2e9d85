from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import languages
from registry.languages import Reading, World, canonical_key, read_language

CODE = frozenset({World.SOURCE_CODE})
HUMAN = frozenset({World.NATURAL_LANGUAGE})
BOTH = CODE | HUMAN
NONE: frozenset[World] = frozenset()
VENDORED = Path(languages.__file__).with_name("languages.json")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Python", "PYTHON"),
        ("C#", "CSHARP"),
        ("C++", "CPP"),
        ("F*", "FSTAR"),
        ("Objective-C++", "OBJECTIVE_CPP"),
        ("Visual Basic .NET", "VISUAL_BASIC_NET"),
        ("Graphviz (DOT)", "GRAPHVIZ_DOT"),
    ],
)
def test_a_key_is_upper_case_with_words_for_signs(name: str, key: str) -> None:
    assert canonical_key(name) == key
    assert read_language(key, CODE) == Reading(key, None, "")


@pytest.mark.parametrize("worlds", [CODE, BOTH])
@pytest.mark.parametrize("key", ["PYTHON", "CPP", "HTML", "SQL", "JSON", "NL", "CSS", "LUA"])
def test_a_canonical_key_is_accepted(key: str, worlds: frozenset[World]) -> None:
    assert read_language(key, worlds) == Reading(key, None, "")


@pytest.mark.parametrize("worlds", [HUMAN, BOTH])
@pytest.mark.parametrize("tag", ["en", "pt-BR", "no", "zh-Hant", "sr-Latn", "es-419", "de-1996", "sq-XK", "yue"])
def test_a_canonical_tag_is_accepted(tag: str, worlds: frozenset[World]) -> None:
    assert read_language(tag, worlds) == Reading(tag, None, "")


@pytest.mark.parametrize(
    ("alias", "canonical"),
    [
        ("python", "PYTHON"),
        ("py", "PYTHON"),
        ("c++", "CPP"),
        ("C#", "CSHARP"),
        ("golang", "GO"),
        ("Visual Basic .NET", "VISUAL_BASIC_NET"),
        ("visual-basic-net", "VISUAL_BASIC_NET"),
        ("EN", "en"),
        ("eng", "en"),
        ("pt_br", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("iw", "he"),
        ("en-Latn", "en"),
    ],
)
def test_an_alias_is_accepted_with_a_notice(alias: str, canonical: str) -> None:
    message = f"`{alias}` is an alias: write `{canonical}`"
    assert read_language(alias, BOTH) == Reading(canonical, "alias", message, (canonical,), canonical)


def test_the_declared_types_decide_where_a_name_is_looked_up() -> None:
    assert read_language("ts", CODE).canonical == "TYPESCRIPT"
    assert read_language("ts", HUMAN) == Reading("ts", None, "")
    assert read_language("sh", CODE).canonical == "SHELL"
    assert read_language("sh", HUMAN).canonical == "sr-Latn"


@pytest.mark.parametrize(("tag", "key"), [("ts", "TYPESCRIPT"), ("be", "BERRY"), ("lua", "LUA"), ("nl", "NL")])
def test_a_tag_that_is_also_a_programming_language_gets_a_warning(tag: str, key: str) -> None:
    reading = read_language(tag, BOTH)
    assert (reading.canonical, reading.problem, reading.suggestions) == (tag, "also-code", (key,))
    assert reading.message == (
        f"`{tag}` is taken as the human language: write `{key}` if the programming language is meant"
    )


@pytest.mark.parametrize(("alias", "key", "tag"), [("sh", "SHELL", "sr-Latn"), ("TS", "TYPESCRIPT", "ts")])
def test_an_alias_with_one_meaning_in_each_world_is_refused_where_both_are_declared(
    alias: str, key: str, tag: str
) -> None:
    reading = read_language(alias, BOTH)
    assert (reading.canonical, reading.problem, reading.suggestions) == (None, "ambiguous", (key, tag))
    assert reading.message == (
        f"`{alias}` means the programming language `{key}` or the human language `{tag}`: write one of the two"
    )


@pytest.mark.parametrize(
    ("name", "worlds", "near"),
    [("pyhton", CODE, "PYTHON"), ("JAVASCRPT", CODE, "JAVASCRIPT"), ("PYTON", BOTH, "PYTHON"), ("Frensh", HUMAN, "fr")],
)
def test_an_unknown_name_is_refused_with_the_nearest_known(name: str, worlds: frozenset[World], near: str) -> None:
    reading = read_language(name, worlds)
    assert (reading.canonical, reading.problem, reading.suggestions[0]) == (None, "unknown", near)
    assert f"did you mean `{near}`" in reading.message


def test_an_unknown_name_with_nothing_near_is_answered_with_an_example() -> None:
    assert read_language("qwxyz", CODE).message == (
        "`qwxyz` is not a known programming language: write a key such as `PYTHON`"
    )
    assert read_language("zz", HUMAN).message == "`zz` is not a known human language: write a tag such as `pt-BR`"


@pytest.mark.parametrize(("name", "tag"), [("English", "en"), ("Portugese", "pt"), ("greek", "el"), ("hebrew", "he")])
def test_an_english_name_is_refused_and_its_tag_suggested(name: str, tag: str) -> None:
    reading = read_language(name, HUMAN)
    assert (reading.canonical, reading.problem, reading.suggestions) == (None, "unknown", (tag,))


@pytest.mark.parametrize("name", ["C--", "C!", "python!!"])
def test_signs_are_not_dropped_from_a_name(name: str) -> None:
    assert read_language(name, CODE).canonical is None


@pytest.mark.parametrize(
    ("name", "worlds", "message"),
    [
        ("PYTHON", HUMAN, "is a programming language, but `SOURCE_CODE` is not declared: add `SOURCE_CODE`"),
        ("py", HUMAN, "is the programming language `PYTHON`, but `SOURCE_CODE` is not declared"),
        ("CSS", HUMAN, "is a programming language, but `SOURCE_CODE` is not declared"),
        ("en", CODE, "is a human language, but `NATURAL_LANGUAGE` is not declared: add `NATURAL_LANGUAGE`"),
        ("en", NONE, "is a human language, but `NATURAL_LANGUAGE` is not declared"),
    ],
)
def test_a_language_of_an_undeclared_type_is_refused_with_the_type(
    name: str, worlds: frozenset[World], message: str
) -> None:
    reading = read_language(name, worlds)
    assert (reading.canonical, reading.problem) == (None, "unknown")
    assert reading.message.startswith(f"`{name}` {message}")


@pytest.mark.parametrize("name", ["und", "mul", "mis", "zxx", "x-foo", "qaa", "und-Latn", "root"])
def test_a_tag_that_stands_for_no_language_is_refused(name: str) -> None:
    reading = read_language(name, HUMAN)
    assert (reading.canonical, reading.problem) == (None, "unknown")
    assert reading.message.startswith(f"`{name}` stands for no particular language: name each language")


@pytest.mark.parametrize("name", ["zz", "xx", "jp", "en-0", "pt-BR-BR", "en--US", "-en", "en-", "12", "en-ABCDE"])
def test_a_tag_that_is_malformed_or_not_registered_is_refused(name: str) -> None:
    reading = read_language(name, HUMAN)
    assert (reading.canonical, reading.problem) == (None, "unknown")
    assert "not a known human language" in reading.message


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("en-x-foo", ("en",)),
        ("pt-BR-x-foo", ("pt-BR", "pt")),
        ("en-u-co-phonebk", ("en",)),
        ("en-XX", ("en",)),
        ("en-Zzzz", ("en",)),
        ("ar-arz", ("ar", "arz")),
    ],
)
def test_a_tag_with_private_or_further_parts_is_refused_with_the_tag_to_write(name: str, near: tuple[str, ...]) -> None:
    reading = read_language(name, HUMAN)
    assert (reading.canonical, reading.problem, reading.suggestions) == (None, "unknown", near)
    assert "holds more than a registered language, script, region and variant" in reading.message


def test_prose_is_named_by_its_human_language() -> None:
    reading = read_language("Markdown", BOTH)
    assert (reading.canonical, reading.problem) == (None, "unknown")
    assert "name the human language it is written in" in reading.message


@pytest.mark.parametrize(
    "name", ["", " ", "\0", "en\0", "\u202een", "`x`\n| y", "\ud800", "ﬁ", "en\u2011US", "\x1b[2J"]
)
def test_a_hostile_name_is_refused_and_shown_harmless(name: str) -> None:
    reading = read_language(name, BOTH)
    assert reading.problem == "unknown"
    assert reading.message.isprintable()
    assert reading.message.count("`") % 2 == 0


@pytest.mark.parametrize("name", ["a" * 10_000_000, "en-" * 1_000_000, "\0" * 1_000_000, "py" + " " * 1_000_000])
def test_a_long_name_is_refused_at_once(name: str) -> None:
    begin = time.perf_counter()
    reading = read_language(name, BOTH)
    assert time.perf_counter() - begin < 0.1
    assert reading.problem == "unknown"
    assert "is too long for a language" in reading.message
    assert len(reading.message) < 200


PART = st.text("abcdehnrqstxzABDRTUXZ0149", min_size=1, max_size=8)
TAG_LIKE = st.builds("-".join, st.lists(PART | st.sampled_from(["en", "sr", "zh", "Latn", "US", "x", "u"]), max_size=6))
WORLDS = st.sets(st.sampled_from(World)).map(frozenset)


@settings(deadline=None)
@given(st.text() | TAG_LIKE, WORLDS)
def test_no_text_raises(name: str, worlds: frozenset[World]) -> None:
    reading = read_language(name, worlds)
    assert (reading.problem is None) == (reading.message == "") == (reading.canonical == name and not reading.message)
    assert (reading.canonical is None) == (reading.problem in {"unknown", "ambiguous"})


@settings(deadline=None)
@given(TAG_LIKE | st.sampled_from(["en", "sh", "iw", "zh-min-nan", "sgn-us", "tl", "c++", "py", "Vb.net"]), WORLDS)
def test_what_a_reading_names_is_canonical(name: str, worlds: frozenset[World]) -> None:
    reading = read_language(name, worlds)
    for spelling in filter(None, (reading.canonical, *reading.suggestions)):
        assert read_language(spelling, worlds).canonical == spelling


def test_each_vendored_key_is_canonical_and_each_alias_means_it() -> None:
    for key, aliases in json.loads(VENDORED.read_text("utf-8"))["aliases"].items():
        assert canonical_key(key) == key
        assert read_language(key, BOTH) == Reading(key, None, "")
        assert {read_language(alias, CODE).canonical for alias in aliases.split()} <= {key}


def test_the_vendored_tags_are_those_that_the_registered_ones_leave_as_they_are() -> None:
    pairs = {a + b for a in ascii_lowercase for b in ascii_lowercase}
    tags = json.loads(VENDORED.read_text())["tags"].split()
    assert tags == sorted(pair for pair in pairs if languages.look_up_tag(pair) == pair)


def test_the_vendored_file_is_small_and_names_source_and_license() -> None:
    content = json.loads(VENDORED.read_text("utf-8"))
    assert content["source"].startswith("linguist-languages ")
    assert content["license"] == "MIT"
    assert "://" not in VENDORED.read_text("utf-8")
    assert VENDORED.stat().st_size < 80_000


def test_langcodes_is_loaded_only_when_a_tag_is_asked_for() -> None:
    program = (
        "import sys; from registry.languages import *; read_language('PYTHON', frozenset({World.SOURCE_CODE}));"
        "assert 'langcodes' not in sys.modules;"
        "read_language('en', frozenset({World.NATURAL_LANGUAGE}));"
        "assert 'language_data' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=VENDORED.parent.parent, timeout=60)
