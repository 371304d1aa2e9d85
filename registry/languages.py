"""Language names: programming languages by canonical key, human languages by BCP-47 tag.

Programming languages are those that GitHub Linguist calls `programming`, `markup` or `data`: a model reads and writes
HTML, SQL and JSON as it does Python. Its `prose` (Markdown, plain text) is left out: what stands in it is a human
language, and that is what the descriptor has to name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from registry.spelling import guess


class World(StrEnum):
    """The two declared types whose languages are named; the values are those of `input_types` and `output_types`."""

    SOURCE_CODE = "SOURCE_CODE"
    NATURAL_LANGUAGE = "NATURAL_LANGUAGE"


@dataclass(frozen=True)
class Reading:
    """What a name means: its canonical spelling, or None, and what is wrong with the name, if anything."""

    canonical: str | None  # None: not a language
    problem: Literal["unknown", "ambiguous", "alias", "also-code"] | None  # None: canonical spelling
    message: str  # what is wrong, then what to do; "" where problem is None
    suggestions: tuple[str, ...] = ()  # canonical spellings, the likeliest first
    meant: str | None = None  # the one that can only be meant, to be written instead


@lru_cache(maxsize=4096)  # a few names make up nearly all that are asked for
def read_language(name: str, worlds: frozenset[World]) -> Reading:
    """What `name` means where `worlds` are declared; never raises, whatever the text."""
    if len(name) > _LONGEST:
        return Reading(None, "unknown", f"{_shown(name)} is too long for a language: write {_example(worlds)}")
    known = _known(name)
    declared = {world: spelling for world, spelling in known.items() if world in worlds}
    if name in declared.values():
        return _read_canonical(name, declared)
    if len(declared) == 2:
        return _read_ambiguous(name, declared)
    for spelling in declared.values():
        return Reading(spelling, "alias", f"{_shown(name)} is an alias: write `{spelling}`", (spelling,), spelling)
    return _read_undeclared(name, known) if known else _read_unknown(name, worlds)


def programming_languages() -> list[str]:
    """The canonical keys of all programming languages."""
    return sorted(_vendored()["aliases"])


def canonical_key(name: str) -> str:
    """The key for a Linguist name: `CSHARP` for `C#`, `VISUAL_BASIC_NET` for `Visual Basic .NET`."""
    words = name.upper().replace("++", "PP").replace("#", "SHARP").replace("*", "STAR")
    return re.sub(r"[^A-Z0-9]+", "_", words).strip("_")


def folded(name: str) -> str:
    """The form in which names and aliases are compared: case, `-`, `_` and space do not count."""
    return re.sub(r"[\s_-]+", "-", name.strip().lower())


_LONGEST = 64  # the longest key has 34 characters, a tag rarely more than 35 (RFC 5646, 4.4.1)
_TAG_SHAPE = re.compile(r"[A-Za-z0-9]{1,8}(?:[-_][A-Za-z0-9]{1,8})*")
# Well-formed and registered, yet no reader could tell which language is meant: undetermined, many, none, private use.
_NO_LANGUAGE = re.compile(r"(und|mis|mul|zxx|x|q[a-t][a-z])(-.*)?")
# A second language after the first (`ar-arz`), an extension (`-u-`), private use (`-x-`; ISO's ranges, but for Kosovo's
# XK): a calendar or a word of the author's own says nothing about the language, and the catalog filters by it.
_SAYS_MORE = re.compile(
    r"[a-z]+-[a-z]{3}(-.*)?|.*-[a-z0-9](-.*)?|.*-(Zzzz|Qa[ab][a-z]|AA|Q[M-Z]|X[A-JL-Z]|ZZ)(-.*)?",
)


def _read_canonical(name: str, declared: Mapping[World, str]) -> Reading:
    key = declared.get(World.SOURCE_CODE, name)
    if key == name:
        return Reading(name, None, "")
    message = f"{_shown(name)} is taken as the human language: write `{key}` if the programming language is meant"
    return Reading(name, "also-code", message, (key,))


def _read_ambiguous(name: str, declared: Mapping[World, str]) -> Reading:
    key, tag = declared[World.SOURCE_CODE], declared[World.NATURAL_LANGUAGE]
    meanings = f"the programming language `{key}` or the human language `{tag}`"
    return Reading(None, "ambiguous", f"{_shown(name)} means {meanings}: write one of the two", (key, tag))


def _read_undeclared(name: str, known: Mapping[World, str]) -> Reading:
    world, spelling = next(iter(known.items()))
    meaning = f"a {_kind({world})}" if name == spelling else f"the {_kind({world})} `{spelling}`"
    advice = f"add `{world}` to the types, or take the language out"
    return Reading(None, "unknown", f"{_shown(name)} is {meaning}, but `{world}` is not declared: {advice}")


def _read_unknown(name: str, worlds: frozenset[World]) -> Reading:
    tag = _standard_tag(name) if World.NATURAL_LANGUAGE in worlds else None
    if tag:
        return _read_unfit(name, tag)
    if folded(name) in _vendored()["prose"].split():
        message = f"{_shown(name)} is a form of prose: name the human language it is written in, such as `en`"
        return Reading(None, "unknown", message)
    if World.NATURAL_LANGUAGE not in worlds and (named := _tags().get(folded(name))):
        return _read_undeclared(name, {World.NATURAL_LANGUAGE: named})
    near, meant = _nearest(name, worlds)
    advice = f"did you mean {_either(near)}?" if near else f"write {_example(worlds)}"
    return Reading(None, "unknown", f"{_shown(name)} is not a known {_kind(worlds)}: {advice}", near, meant)


def _read_unfit(name: str, tag: str) -> Reading:
    """What is wrong with a tag that is registered, part by part, but does not name one language."""
    if _NO_LANGUAGE.fullmatch(tag):
        message = f"{_shown(name)} stands for no particular language: name each language by its own tag, such as `en`"
        return Reading(None, "unknown", message)
    first, *more = tag.split("-")
    beginnings = ["-".join([first, *more[:count]]) for count in range(len(more) - 1, -1, -1)]
    fit = tuple(part for part in (*beginnings, more[0]) if _tag_of(part) == part)[:2]
    message = f"{_shown(name)} holds more than a registered language, script, region and variant"
    return Reading(None, "unknown", f"{message}: write {_either(fit) or 'no more than these'}", fit)


def _known(name: str) -> dict[World, str]:
    """The canonical spelling of `name` in each world that knows it."""
    key = _keys().get(folded(name))
    # A key is never an alias of a tag: `CSS` does not mean Southern Ohlone. It spares the import of langcodes, too.
    tag = None if key == name else _tag_of(name)
    found = {World.SOURCE_CODE: key, World.NATURAL_LANGUAGE: tag}
    return {world: spelling for world, spelling in found.items() if spelling}


def _tag_of(name: str) -> str | None:
    # Most are asked for in two letters; it spares the import of langcodes, whose tables are large.
    return name if name in _two_letter_tags() else look_up_tag(name)


@cache
def _two_letter_tags() -> frozenset[str]:
    return frozenset(_vendored()["tags"].split())


def look_up_tag(name: str) -> str | None:
    """The tag that names one human language, in its standard form, as langcodes knows it; None where there is none."""
    tag = _standard_tag(name)
    return None if tag is None or _NO_LANGUAGE.fullmatch(tag) or _SAYS_MORE.fullmatch(tag) else tag


def _standard_tag(name: str) -> str | None:
    """The tag in its standard form where each part of it is registered."""
    text = name.strip()
    if not _TAG_SHAPE.fullmatch(text):
        return None
    import langcodes

    try:
        return langcodes.standardize_tag(text) if langcodes.tag_is_valid(text) else None
    except ValueError:
        return None


def _nearest(name: str, worlds: frozenset[World]) -> tuple[tuple[str, ...], str | None]:
    """The spellings that come near, and the one that can only be meant."""
    spellings: dict[str, str] = {}
    if World.NATURAL_LANGUAGE in worlds:
        spellings |= _tags()
    if World.SOURCE_CODE in worlds:
        spellings |= _keys()
    wanted = folded(name)
    near = [wanted] if wanted in spellings else difflib.get_close_matches(wanted, spellings, cutoff=0.7)
    sure = guess(wanted, near).sure
    return tuple(dict.fromkeys(spellings[spelling] for spelling in near)), spellings[sure] if sure else None


@cache
def _vendored() -> Mapping[str, Any]:
    """What scripts/make_languages wrote."""
    content: Mapping[str, Any] = json.loads(Path(__file__).with_name("languages.json").read_text("utf-8"))
    return content


@cache
def _keys() -> Mapping[str, str]:
    """Folded name or alias → key."""
    aliases: Mapping[str, str] = _vendored()["aliases"]
    return {spelling: key for key, others in aliases.items() for spelling in (folded(key), *others.split())}


@cache
def _tags() -> Mapping[str, str]:
    """English name or tag → tag, of languages with a two-letter tag; they serve as suggestions only."""
    import langcodes

    registered = Path(langcodes.__file__).with_name("data") / "language-subtag-registry.txt"  # IANA's
    try:
        text = registered.read_text("utf-8")
    except OSError:  # the file is no promise of langcodes
        return {}
    entries = re.findall(r"^Type: language\nSubtag: ([a-z]{2})\nDescription: (?:Modern )?([^(\n]+)", text, re.MULTILINE)
    found = {spelling: _tag_of(tag) for tag, description in entries for spelling in (folded(description), tag)}
    return {spelling: tag for spelling, tag in found.items() if tag}


def _shown(name: str) -> str:
    """`name` in backticks, cut, with nothing in it that could leave them or move a cursor."""
    text = "".join(char if char.isprintable() and char != "`" else "?" for char in name[: _LONGEST // 2])
    return f"`{text}{'...' if len(name) > _LONGEST // 2 else ''}`" if name else "an empty text"


def _either(spellings: tuple[str, ...]) -> str:
    return " or ".join(f"`{spelling}`" for spelling in spellings)


def _kind(worlds: frozenset[World] | set[World]) -> str:
    kinds = {World.SOURCE_CODE: "programming language", World.NATURAL_LANGUAGE: "human language"}
    return kinds[next(iter(worlds))] if len(worlds) == 1 else "language"


def _example(worlds: frozenset[World]) -> str:
    examples = {World.SOURCE_CODE: "a key such as `PYTHON`", World.NATURAL_LANGUAGE: "a tag such as `pt-BR`"}
    return " or ".join(text for world, text in examples.items() if world in worlds or not worlds)
