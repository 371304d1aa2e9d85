"""Form: what a descriptor may say and how, in words that tell what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.checks.keys import Keys, missing_key, unknown_key
from registry.checks.values import nearest_choice, right_value
from registry.finding import Finding, Place
from registry.identity import name_problem, plain_target, target_problem, version_problem
from registry.languages import World, read_language
from registry.nodes import Plain
from registry.policy import Policy
from registry.snapshot import Version
from registry.spelling import guess
from registry.tree import DESCRIPTOR

if TYPE_CHECKING:
    from registry.descriptor import Descriptor

_WORLDS = {world.value: world for world in World}
WORLDLESS = ("CLASS_LABEL", "OTHER")  # types without languages
_TYPES = frozenset({*_WORLDS, *WORLDLESS})


def check_names(version: Version, _: Policy) -> Iterator[Finding]:
    """Name and version, which the folder gives, keep their rules."""
    place = Place(version.path)
    if problem := name_problem(version.id.name):
        message = f"the model's name `{version.id.name}` is not allowed: a name {problem}. Rename the folder"
        yield place.finding("invalid-name", message, found=version.id.name)
    if problem := version_problem(version.id.version):
        message = f"the version `{version.id.version}` is not allowed: a version {problem}. Rename the folder"
        yield place.finding("invalid-version", message, found=version.id.version)


def check_writing(version: Version, _: Policy) -> Iterator[Finding]:
    """The descriptor is there and is YAML 1.2 as it is allowed here."""
    yield from version.findings
    if version.node is None and not version.findings and DESCRIPTOR not in version.files:
        message = f"the folder has no `{DESCRIPTOR}`. Add it, or take the folder out"
        yield Place(version.path).finding("descriptor-missing", message)


def check_types(version: Version, _: Policy) -> Iterator[Finding]:
    """Keys and values are those that the descriptor knows."""
    lists = {p["loc"] for p in version.problems}
    for problem in version.problems:
        keys: Keys = problem["loc"]
        if problem["type"] == "too_short" and any(k[: len(keys)] == keys and k != keys for k in lists):
            continue  # pydantic counts only the valid items; those that are not are findings of their own
        yield _say(version, keys, problem)


def check_targets(version: Version, _: Policy) -> Iterator[Finding]:
    """Each target is a plain relative path, distinct from all others on every file system."""
    targets, folded = version.keys("model_files"), dict[str, str]()
    for target in targets:
        folded.setdefault(target.casefold(), target)
    for target in targets:
        if message := _target_message(target, folded):
            place = version.place("model_files", target, at_key=True)
            yield place.finding("invalid-target", message, found=target, fix=plain_target(target))


def _target_message(target: str, folded: Mapping[str, str]) -> str | None:
    """What is wrong with a target, by itself or beside the others: `folded` has the first of each spelling."""
    if problem := target_problem(target):
        better = plain_target(target)
        return f"`{target}` is not a target: a target {problem}. Rename it{f' to `{better}`' if better else ''}"
    if (twin := folded[target.casefold()]) != target:
        return f"`{target}` differs from `{twin}` only in case. Rename one of the two"
    if (folder := _folder_that_is_a_file(target, folded)) is not None:
        return f"`{folder}` is a target itself, so it cannot be the folder of `{target}`. Rename one of the two"
    return None


def _folder_that_is_a_file(target: str, folded: Mapping[str, str]) -> str | None:
    if "/" not in target:
        return None
    parts = target.casefold().split("/")
    return next((folded[p] for i in range(1, len(parts)) if (p := "/".join(parts[:i])) in folded), None)


def check_environments(version: Version, _: Policy) -> Iterator[Finding]:
    """Each `*_properties` has a conda file or a docker image."""
    for key in version.environments:
        environment = ("model_config", key)
        if version.keys(*environment) and not any(version.has(*environment, k) for k in ("conda_env", "docker_image")):
            message = f"`{key}` has neither `conda_env` nor `docker_image`. Add one of the two, or both"
            yield version.place("model_config", key, at_key=True).finding("environment-missing", message)


_SETS = (
    *(("model_metainfo", key) for key in ("input_types", "output_types", "images")),
    *(("model_metainfo", key) for key in ("input_languages", "output_languages")),
    ("private_packages",),
)


def check_uniqueness(version: Version, _: Policy) -> Iterator[Finding]:
    """No type, language, image or package is listed twice."""
    if version.descriptor and all(len(set(items)) == len(items) for items in _sets(version.descriptor)):
        return
    for keys in _SETS:
        items = version.texts(*keys)
        seen: set[str] = set()
        for index, item in items:
            if item in seen:
                message = f"`{item}` is listed twice. Take one out"
                yield version.place(*keys, index).finding("wrong-value", message, found=item)
            seen.add(item)


def check_languages(version: Version, _: Policy) -> Iterator[Finding]:
    """Languages are listed exactly where a type has them, each by a name that means one language."""
    for side in ("input", "output"):
        types = _types_meant(tuple(text for _, text in version.texts("model_metainfo", f"{side}_types")))
        worlds = _worlds_of(types)
        languages = version.texts("model_metainfo", f"{side}_languages")
        if types <= set(WORLDLESS) and types and languages:
            message = (
                f"only `SOURCE_CODE` and `NATURAL_LANGUAGE` have languages, and `{side}_types` has neither. "
                f"Take `{side}_languages` out, or add the type that has them"
            )
            yield version.place("model_metainfo", f"{side}_languages").finding("languages-unused", message)
        elif worlds and not languages:
            message = f"`{side}_types` has {_listed(sorted(worlds))}. List the languages in `{side}_languages`"
            is_empty = f"{side}_languages" in version.keys("model_metainfo")
            place = version.place("model_metainfo", f"{side}_languages" if is_empty else f"{side}_types")
            yield place.finding("languages-missing", message)
        elif worlds and types <= _TYPES:
            yield from _language_findings(version, f"{side}_languages", languages, worlds)


@lru_cache(maxsize=256)
def _worlds_of(types: frozenset[str]) -> frozenset[World]:
    return frozenset(_WORLDS[t] for t in types & _WORLDS.keys())


def _sets(descriptor: Descriptor) -> tuple[tuple[str, ...], ...]:
    about = descriptor.model_metainfo
    types, languages = (about.input_types, about.output_types), (about.input_languages, about.output_languages)
    return (*types, *languages, about.images, descriptor.private_packages)


@lru_cache(maxsize=256)
def _types_meant(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text if text in _TYPES else guess(text, _TYPES).sure or text for text in texts)


def _language_findings(
    version: Version, key: str, languages: list[tuple[int, str]], worlds: frozenset[World]
) -> Iterator[Finding]:
    for index, name in languages:
        reading = read_language(name, worlds)
        if reading.problem is not None:
            place = version.place("model_metainfo", key, index)
            yield place.finding(f"language-{reading.problem}", reading.message, found=name, fix=reading.meant)


CHECKS = (
    check_names,
    check_writing,
    check_types,
    check_targets,
    check_environments,
    check_uniqueness,
    check_languages,
)


def _say(version: Version, keys: Keys, problem: Mapping[str, Any]) -> Finding:
    kind = problem["type"]
    if kind == "extra_forbidden":
        return unknown_key(version, keys)
    if kind == "missing":
        return missing_key(version, keys)
    name = f"`{keys[-1]}`" if keys and isinstance(keys[-1], str) else "this"
    found = "something else" if keys and keys[-1] == "password" else _shown(problem["input"])
    if not keys:
        message = "the descriptor is not a mapping. Write the sections `model_config`, `model_files`, `model_metainfo`"
        return version.place().finding("not-a-mapping", message, found=found)
    if problem["input"] is None:
        message = f"{name} is empty. Write {_wanted(problem)}, or take the key out"
        return version.place(*keys).finding("wrong-type", message, expected=_wanted(problem))
    rule = "wrong-type" if kind.endswith("_type") else "wrong-value"
    right = right_value(problem)
    near = right or nearest_choice(problem)
    advice = f": `{right}`" if right and rule == "wrong-type" else f". Did you mean `{near}`?" if near else ""
    message = f"{name} is {found}; write {_wanted(problem)}{advice}"
    return version.place(*keys).finding(rule, message, found=found, expected=_wanted(problem), fix=right)


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "source_type": "`./file`, a URL, or a mapping with `source`",
    "argument_type": "text, a finite number, `true` or `false`",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} character",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entry",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "one of {expected}",
}
_PATTERNS = {r"^[^\r\n]*$": "one line", r"^[0-9a-f]{64}$": "64 hex digits in lower case"}


def _wanted(problem: Mapping[str, Any]) -> str:
    context = problem.get("ctx", {})
    if problem["type"] == "string_pattern_mismatch":
        return _PATTERNS[context["pattern"]]
    wanted: str = _WANTED.get(problem["type"], problem["msg"])
    return wanted.format(**{key: str(value).replace("'", "`") for key, value in context.items()})


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text:
        return "an empty text"
    kind = " text" if isinstance(value, str) and not isinstance(value, Plain) and _looks_other(text) else ""
    return f"the{kind} `{text}`" if kind else f"`{text if len(text) <= 60 else text[:57] + '…'}`"


def _looks_other(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[0-9][0-9_,. ]{0,40}|true|false", text))


def _listed(words: list[World]) -> str:
    return " and ".join(f"`{word}`" for word in words)
