"""Keys: which the descriptor knows, and what is said of one that it does not know where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from registry.finding import Finding, Place
from registry.snapshot import Version
from registry.spelling import guess

Keys = tuple[str | int, ...]
_IDENTITY = {"name", "version"}
_FILE = "model_files.*"


def known_keys(section: str) -> Sequence[str]:
    """The keys of a mapping of the descriptor, by its dotted path; the top level is the empty path."""
    return _known_keys().get(section, ())


def homes_of(version: Version, key: str, section: str) -> list[str]:
    """The mappings that a key belongs to rather than to `section`; those that are there and lack it, if there are."""
    homes = [home for home, known in _known_keys().items() if key in known and home not in (section, _FILE)]
    there = [home for home in homes if version.keys(*split(home))]
    return [home for home in there if key not in version.keys(*split(home))] or there or homes


def split(section: str) -> tuple[str, ...]:
    """The keys of a dotted path."""
    return tuple(filter(None, section.split(".")))


def unknown_key(version: Version, keys: Keys) -> Finding:
    """What is wrong with a key that its mapping does not know."""
    key, parent = str(keys[-1]), ".".join(str(k) for k in keys[:-1] if isinstance(k, str))
    place, is_of_file = version.place(*keys, at_key=True), keys[0] == "model_files"
    if len(keys) == 1 and version.text("lifecycle", "state") == "removed":
        message = f"a removed version keeps nothing but `lifecycle`. Take `{key}` out"
        return place.finding("removal-not-alone", message, found=key)
    if key in _IDENTITY and len(keys) <= 2:
        message = f"`{key}` is given by the folder, `{version.id}`. Take the line out"
        return place.finding("repeated-identity", message, found=key)
    siblings, there = known_keys(_FILE if is_of_file else parent), version.keys(*map(str, keys[:-1]))
    where = f"`{parent}`" if parent else "the top level"
    near, sure = guess(key, siblings)
    homes = homes_of(version, key, parent)
    if homes and not is_of_file and not sure:
        message = f"`{key}` does not belong in {where}. {_advice(version, key, homes)}"
        return place.finding("misplaced-key", message, found=key)
    if near is None:
        near = sure = guess(key, _all_keys()).sure
    taken = f"`{near}` is there already: take this one out" if near else "Take it out"
    advice = f"Did you mean `{near}`?" if near and near not in there else taken
    fix = sure if sure not in there else None
    return place.finding("unknown-key", f"`{key}` is not a key of {where}. {advice}", found=key, fix=fix)


def missing_key(version: Version, keys: Keys) -> Finding:
    """What is said of a required key that is not there."""
    parent = f"`{keys[-2]}`" if len(keys) > 1 else "the descriptor"
    place = version.place(*keys[:-1], at_key=True) if len(keys) > 1 else Place(version.path)
    return place._replace(field=".".join(map(str, keys))).finding(
        "missing-key", f"{parent} has no `{keys[-1]}`. Add it"
    )


def _advice(version: Version, key: str, homes: Sequence[str]) -> str:
    names = " or ".join(f"`{home}`" if home else "the top level" for home in homes)
    if any(key in version.keys(*split(home)) for home in homes):
        return f"It is already in {names}: take this one out"
    return f"Move it to {names}"


def _all_keys() -> set[str]:
    return {key for known in _known_keys().values() for key in known}


@cache
def _known_keys() -> Mapping[str, tuple[str, ...]]:
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
        _FILE: File,
        "model_metainfo": Metainfo,
        "lifecycle": Lifecycle,
    }
    models |= {f"model_config.{key}": model for key, model in environments.items()}
    models |= {f"model_config.{key}.docker_registry": DockerRegistry for key in environments}
    return {path: tuple(f.alias or n for n, f in model.model_fields.items()) for path, model in models.items()}
