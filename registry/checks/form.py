"""Form: what a descriptor may say and how, in words that tell what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any

from registry.finding import Finding, Place
from registry.identity import name_problem, target_problem, version_problem
from registry.languages import World, read_language
from registry.nodes import Plain
from registry.policy import Policy
from registry.snapshot import DESCRIPTOR, Version

Keys = tuple[str | int, ...]
_IDENTITY = {"name", "version"}
_WORLDS = {world.value: world for world in World}
WORLDLESS = ("CLASS_LABEL", "OTHER")  # types without languages


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
            yield place.finding("invalid-target", message, found=target)


def _target_message(target: str, folded: Mapping[str, str]) -> str | None:
    """What is wrong with a target, by itself or beside the others: `folded` has the first of each spelling."""
    if problem := target_problem(target):
        return f"`{target}` is not a target: a target {problem}. Rename it"
    if (twin := folded[target.casefold()]) != target:
        return f"`{target}` differs from `{twin}` only in case. Rename one of the two"
    if (folder := _folder_that_is_a_file(target, folded)) is not None:
        return f"`{folder}` is a target itself, so it cannot be the folder of `{target}`. Rename one of the two"
    return None


def _folder_that_is_a_file(target: str, folded: Mapping[str, str]) -> str | None:
    parts = target.casefold().split("/")
    return next((folded[p] for i in range(1, len(parts)) if (p := "/".join(parts[:i])) in folded), None)


def check_environments(version: Version, _: Policy) -> Iterator[Finding]:
    """Each `*_properties` has a conda file or a docker image."""
    for key in version.environments:
        environment = ("model_config", key)
        if version.keys(*environment) and not any(version.has(*environment, k) for k in ("conda_env", "docker_image")):
            message = f"`{key}` has neither `conda_env` nor `docker_image`. Add one of the two, or both"
            yield version.place("model_config", key, at_key=True).finding("environment-missing", message)


def check_uniqueness(version: Version, _: Policy) -> Iterator[Finding]:
    """No type, language, image or package is listed twice."""
    lists = [("model_metainfo", key) for key in ("input_types", "output_types", "images")]
    lists += [("model_metainfo", key) for key in ("input_languages", "output_languages")]
    for keys in (*lists, ("private_packages",)):
        seen: set[str] = set()
        for index, item in version.texts(*keys):
            if item in seen:
                message = f"`{item}` is listed twice. Take one out"
                yield version.place(*keys, index).finding("wrong-value", message, found=item)
            seen.add(item)


def check_languages(version: Version, _: Policy) -> Iterator[Finding]:
    """Languages are listed exactly where a type has them, each by a name that means one language."""
    for side in ("input", "output"):
        types = {text for _, text in version.texts("model_metainfo", f"{side}_types")}
        worlds = frozenset(_WORLDS[t] for t in types & _WORLDS.keys())
        languages = version.texts("model_metainfo", f"{side}_languages")
        if types <= set(WORLDLESS) and types and languages:
            message = (
                f"only `SOURCE_CODE` and `NATURAL_LANGUAGE` have languages; `{side}_types` has neither. Empty the list"
            )
            yield version.place("model_metainfo", f"{side}_languages").finding("languages-unused", message)
        elif worlds and not languages:
            message = f"`{side}_types` has {_listed(sorted(worlds))}. List the languages in `{side}_languages`"
            is_empty = f"{side}_languages" in version.keys("model_metainfo")
            place = version.place("model_metainfo", f"{side}_languages" if is_empty else f"{side}_types")
            yield place.finding("languages-missing", message)
        elif worlds:
            yield from _language_findings(version, f"{side}_languages", worlds)


def _language_findings(version: Version, key: str, worlds: frozenset[World]) -> Iterator[Finding]:
    for index, name in version.texts("model_metainfo", key):
        reading = read_language(name, worlds)
        if reading.problem is not None:
            place = version.place("model_metainfo", key, index)
            yield place.finding(f"language-{reading.problem}", reading.message, found=name, fix=reading.canonical)


def check_license(version: Version, _: Policy) -> Iterator[Finding]:
    """`license` is an SPDX expression."""
    expression = version.text("license")
    if expression is None or (canonical := _canonical_license(expression)) == expression:
        return
    message = f"`{expression}` is spelled `{canonical}` in SPDX. Write it so"
    if canonical is None:
        message = f"`{expression}` is not an SPDX expression. Write one such as `MIT` or `Apache-2.0 OR MIT`"
    yield version.place("license").finding("license-unknown", message, found=expression, fix=canonical)


@lru_cache(maxsize=256)  # a few make up nearly all that are asked for
def _canonical_license(expression: str) -> str | None:
    """The expression as SPDX spells it; None where it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(expression)
    except (InvalidLicenseExpression, MemoryError, RecursionError):  # the last two: parentheses in parentheses in …
        return None


CHECKS = (
    check_names,
    check_writing,
    check_types,
    check_targets,
    check_environments,
    check_uniqueness,
    check_languages,
    check_license,
)


def _say(version: Version, keys: Keys, problem: Mapping[str, Any]) -> Finding:
    kind = problem["type"]
    if kind == "extra_forbidden":
        return _unknown_key(version, keys)
    if kind == "missing":
        return _missing_key(version, keys)
    name = f"`{keys[-1]}`" if keys and isinstance(keys[-1], str) else "this"
    found = "something else" if keys and keys[-1] == "password" else _shown(problem["input"])
    if not keys:
        message = "the descriptor is not a mapping. Write the sections `model_config`, `model_files`, `model_metainfo`"
        return version.place().finding("not-a-mapping", message, found=found)
    if problem["input"] is None:
        message = f"{name} is empty. Write {_wanted(problem)}, or take the key out"
        return version.place(*keys).finding("wrong-type", message, expected=_wanted(problem))
    rule = "wrong-type" if kind.endswith("_type") else "wrong-value"
    message = f"{name} is {found}; write {_wanted(problem)}{_nearest_choice(problem)}"
    return version.place(*keys).finding(rule, message, found=found, expected=_wanted(problem))


def _unknown_key(version: Version, keys: Keys) -> Finding:
    key, parent = str(keys[-1]), ".".join(str(k) for k in keys[:-1] if isinstance(k, str))
    place, is_of_file = version.place(*keys, at_key=True), keys[0] == "model_files"
    siblings = _known_keys().get("model_files.*" if is_of_file else parent, ())
    if len(keys) == 1 and version.text("lifecycle", "state") == "removed":
        message = f"a removed version keeps nothing but `lifecycle`. Take `{key}` out"
        return place.finding("removal-not-alone", message, found=key)
    if key in _IDENTITY and len(keys) <= 2:
        message = f"`{key}` is given by the folder, `{version.id}`. Take the line out"
        return place.finding("repeated-identity", message, found=key)
    homes = [home for home, known in _known_keys().items() if key in known and home not in (parent, "model_files.*")]
    where = f"`{parent}`" if parent else "the top level"
    if homes and not is_of_file and not get_close_matches(key, siblings, 1, 0.8):
        home = f"`{homes[0]}`" if homes[0] else "the top level"
        return place.finding("misplaced-key", f"`{key}` does not belong in {where}. Move it to {home}", found=key)
    near = get_close_matches(key, siblings, 1)
    advice = f"Did you mean `{near[0]}`?" if near else "Take it out"
    return place.finding(
        "unknown-key", f"`{key}` is not a key of {where}. {advice}", found=key, fix=near[0] if near else None
    )


def _missing_key(version: Version, keys: Keys) -> Finding:
    parent = f"`{keys[-2]}`" if len(keys) > 1 else "the descriptor"
    place = version.place(*keys[:-1], at_key=True) if len(keys) > 1 else Place(version.path)
    return place._replace(field=".".join(map(str, keys))).finding(
        "missing-key", f"{parent} has no `{keys[-1]}`. Add it"
    )


@cache
def _known_keys() -> dict[str, tuple[str, ...]]:
    """The keys of each mapping of the descriptor, by its dotted path; the top level is the empty path."""
    from registry.descriptor import (
        Configuration,
        Descriptor,
        DockerRegistry,
        Environment,
        File,
        Lifecycle,
        Metainfo,
        Training,
    )

    environments = {
        "inference_properties": Environment,
        "training_properties": Training,
        "preprocessing_properties": Environment,
    }
    models: dict[str, Any] = {
        "": Descriptor,
        "model_config": Configuration,
        "model_files.*": File,
        "model_metainfo": Metainfo,
        "lifecycle": Lifecycle,
    }
    models |= {f"model_config.{key}": model for key, model in environments.items()}
    models |= {f"model_config.{key}.docker_registry": DockerRegistry for key in environments}
    return {path: tuple(f.alias or n for n, f in model.model_fields.items()) for path, model in models.items()}


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


def _nearest_choice(problem: Mapping[str, Any]) -> str:
    if problem["type"] != "literal_error":
        return ""
    choices = re.findall(r"'([^']+)'", problem["ctx"]["expected"])
    near = get_close_matches(str(problem["input"]).upper(), [c.upper() for c in choices], 1)
    return f". Did you mean `{next(c for c in choices if c.upper() == near[0])}`?" if near else ""


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
