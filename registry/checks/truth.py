"""Truth: what the bytes say beats what the descriptor claims."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from registry.checks.sources import source_place
from registry.counting import Count, count_params
from registry.facts import Damaged, Pickle, Safetensors, Tensor
from registry.finding import Finding
from registry.policy import Policy
from registry.snapshot import Version
from registry.weights import INDEX, SAFETENSORS, parse_index, quoted, read_type

_NEAR = 0.01  # of the right number
_SHOWN = 3
_FEW = 10  # indices, and sets of weights, in one version: each takes as long as its file is, and many targets have one
_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>[0-9]{5})-of-(?P<total>[0-9]{5})(?P<suffix>\.[a-z]+)")
_NUM_PARAMS = ("model_metainfo", "num_params")
_TYPES = ("ENCODER", "DECODER", "SEQ2SEQ")


def check_num_params(version: Version, _: Policy) -> Iterator[Finding]:
    """`num_params` is what the headers of the weights hold, where that can be known."""
    if not version.facts.weights:
        return
    claimed, count = _claimed(version), _count(version)
    if claimed is None or count is None or claimed in count or not count.params:
        return
    is_near = abs(claimed - count.params) <= count.params * _NEAR
    message = f"`num_params` is {claimed:,}, and the weights hold {count.params:,}. Write `{count.params}`"
    yield version.place(*_NUM_PARAMS).finding(
        "num-params-near" if is_near else "num-params-wrong",
        message,
        found=str(claimed),
        expected=str(count.params),
        fix=str(count.params),
    )


def check_type(version: Version, _: Policy) -> Iterator[Finding]:
    """`type` is what config.json means, where that can be known."""
    if not any(target.endswith("config.json") for target in version.facts.texts):
        return
    target = _configuration(version)
    claimed, reading = version.text("model_config", "type"), read_type(version.facts.texts.get(target or "", b""))
    if reading is None or claimed == reading.type or claimed not in _TYPES:
        return
    message = f"`type` is `{claimed}`, and `{target}` means `{reading.type}`: {reading.reason}. Write `{reading.type}`"
    yield version.place("model_config", "type").finding(
        "type-contradicts-config", message, found=claimed, expected=reading.type, fix=reading.type
    )


def check_weights(version: Version, _: Policy) -> Iterator[Finding]:
    """Weights are whole, and loading them runs nothing."""
    for target, weights in version.facts.weights.items():
        place = source_place(version, target)
        if isinstance(weights, Damaged):
            advice = "Put the whole file there" if weights.problem == "truncated" else "Save the weights anew"
            yield place.finding(f"weights-{weights.problem}", f"`{target}` {weights.reason}. {advice}")
        elif isinstance(weights, Pickle) and (weights.unsafe or not weights.is_read):
            advice = "Save the weights alone, as safetensors"
            yield place.finding("pickle-runs-code", f"{_what_it_runs(target, weights)}. {advice}")
        elif isinstance(weights, Pickle):
            message = f"`{target}` is a pickle, which can run code when it is loaded. Save the weights as safetensors"
            yield place.finding("pickled-weights", message)


def check_shards(version: Version, _: Policy) -> Iterator[Finding]:
    """Each shard of the weights is there, with the tensors that the index places in it."""
    targets = set(version.keys("model_files"))
    if not any("-of-" in target or target.endswith(INDEX) for target in targets):
        return
    indexed = {index: _indexed(version, index) for index in _indices(version)}
    for index, shards in indexed.items():
        if shards is None and index in version.facts.texts and index.endswith(f"{SAFETENSORS}{INDEX}"):
            message = f"`{index}` has no `weight_map` from tensors to shards. Save the weights anew"
            yield source_place(version, index).finding("weights-unreadable", message)
        yield from _check_indexed(version, index, shards or {}, targets)
    named = {shard for shards in indexed.values() for shard in shards or ()}
    for target, missing in _incomplete(targets - named, targets):
        message = f"`{target}` is one of several shards, and {quoted(missing)} is not there. Add all of them"
        yield source_place(version, target).finding("weights-shard-missing", message)


CHECKS = (check_num_params, check_type, check_weights, check_shards)


def _check_indexed(
    version: Version, index: str, shards: Mapping[str, list[str]], targets: set[str]
) -> Iterator[Finding]:
    if missing := sorted(shards.keys() - targets):
        message = f"`{index}` needs shards that are not in `model_files`: {_listed(missing)}. Add them"
        yield source_place(version, index).finding("weights-shard-missing", message)
    for shard in sorted(shards.keys() & targets):
        weights = version.facts.weights.get(shard)
        held = weights.tensors if isinstance(weights, Safetensors) else None
        if held is not None and (lacking := [tensor for tensor in shards[shard] if tensor not in held]):
            message = f"`{shard}` lacks tensors that `{index}` places there: {_listed(lacking)}. Save the weights anew"
            yield source_place(version, shard).finding("weights-shard-missing", message)


def _incomplete(targets: set[str], others: set[str]) -> Iterator[tuple[str, str]]:
    """By their names alone: the first shard that is there of each set, and the first that is not."""
    seen: set[tuple[str, str, str]] = set()
    for target in sorted(targets):
        match = _SHARD.fullmatch(target)
        if match is None or not target.endswith((SAFETENSORS, ".bin")) or _key(match) in seen:
            continue
        seen.add(_key(match))
        numbers = range(1, int(match["total"]) + 1)
        names = (f"{match['stem']}-{number:05}-of-{match['total']}{match['suffix']}" for number in numbers)
        if int(match["number"]) in numbers and (missing := next((n for n in names if n not in others), None)):
            yield target, missing


def _key(match: re.Match[str]) -> tuple[str, str, str]:
    return match["stem"], match["total"], match["suffix"]


def _claimed(version: Version) -> int | None:
    if version.descriptor is not None:
        return version.descriptor.model_metainfo.num_params
    text = version.text(*_NUM_PARAMS) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,16}", text) else None


def _count(version: Version) -> Count | None:
    """The parameters of the model; None where there are no weights, or several that differ: which of them is it?"""
    sets = list(islice(_sets(version), _FEW + 1))
    counts = {_count_set(version, members) for members in sets} if len(sets) <= _FEW else set()
    return counts.pop() if len(counts) == 1 else None


def _count_set(version: Version, members: frozenset[str]) -> Count | None:
    tensors: dict[str, Tensor] = {}
    for target in members:
        weights = version.facts.weights.get(target)
        if not isinstance(weights, Safetensors) or not tensors.keys().isdisjoint(weights.tensors):
            return None
        tensors.update(weights.tensors)
    return count_params(tensors)


def _sets(version: Version) -> Iterator[frozenset[str]]:
    """The targets that together are the weights of one model: named by an index, by their numbers, or one alone."""
    left = {target for target in version.keys("model_files") if target.endswith(SAFETENSORS)}
    for index in _indices(version, f"{SAFETENSORS}{INDEX}"):
        if shards := _indexed(version, index):
            left -= set(shards)
            yield frozenset(shards)
    numbered: dict[tuple[str, str, str], set[str]] = {}
    for target in sorted(left):
        match = _SHARD.fullmatch(target)
        numbered.setdefault(_key(match) if match else (target, "", ""), set()).add(target)
    for (name, total, _), members in numbered.items():
        is_part = posixpath.basename(name).startswith("adapter") or (total and len(members) != int(total))
        yield frozenset({""} if is_part else members)  # "": a part of something else, so nothing is known


def _indices(version: Version, suffix: str = INDEX) -> list[str]:
    return sorted(target for target in version.keys("model_files") if target.endswith(suffix))[:_FEW]


def _indexed(version: Version, index: str) -> Mapping[str, list[str]] | None:
    """Shard → tensors by an index; None where it was not read or is none."""
    places = parse_index(version.facts.texts.get(index, b""))
    if places is None:
        return None
    shards: dict[str, list[str]] = {}
    for tensor, shard in places.items():
        shards.setdefault(posixpath.join(posixpath.dirname(index), shard), []).append(tensor)
    return shards


def _configuration(version: Version) -> str | None:
    """The config.json of the model: the one on top, or the only one."""
    found = [t for t in version.keys("model_files") if f"/{t}".endswith("/config.json")]
    return "config.json" if "config.json" in found else found[0] if len(found) == 1 else None


def _what_it_runs(target: str, pickle: Pickle) -> str:
    if not pickle.unsafe:
        return f"`{target}` is a pickle too long or too odd to be read through, so nobody can say what loading it runs"
    return f"loading the pickle `{target}` calls what weights do not need: {_listed(pickle.unsafe)}"


def _listed(names: Sequence[str]) -> str:
    more = "" if len(names) <= _SHOWN else f" and {len(names) - _SHOWN:,} more"
    return ", ".join(map(quoted, names[:_SHOWN])) + more
