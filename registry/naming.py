"""Judge what versions say of others, which are looked up only where some are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from registry.checks import check_named
from registry.checks.lifecycle import named_versions, state_of
from registry.finding import Finding
from registry.identity import ModelId, folder_of, name_problem, parse_model_id
from registry.repository import Repository
from registry.snapshot import Version, make_snapshot
from registry.tree import DESCRIPTOR

_LOT = 200  # paths of up to 200 characters each: far below what a system takes as a command line


def states_of(versions: Mapping[ModelId, Version]) -> dict[ModelId, str | None]:
    """Where each version stands between active and removed; None where that cannot be read."""
    return {model: state_of(version) if version.node else None for model, version in versions.items()}


def judge_names(
    repository: Repository,
    models: str,
    head: str | None,
    naming: Sequence[Version],
    states: Mapping[ModelId, str | None],
) -> Iterator[Finding]:
    """What some versions say of others; `head` is where they stand (None: the working tree), `states` what is known."""
    if not naming:
        return
    named = {text: version.id for version in naming for text in named_versions(version)}
    unknown = set(filter(None, map(parse_model_id, named))) - set(states)
    known = {**states, **states_of(load_descriptors(repository, head, models, unknown))}
    lost = [text for text in named if parse_model_id(text) not in known]
    meant = {text.partition("/")[0] if "/" in text else named[text].name for text in lost}
    names = sorted({*known, *repository.names(head, models, {name for name in meant if name_problem(name) is None})})
    by_name = {str(model): state for model, state in known.items()}
    for version in naming:
        yield from check_named(version, names, by_name.get)


def load_descriptors(
    repository: Repository, commit: str | None, models: str, only: Iterable[ModelId]
) -> Mapping[ModelId, Version]:
    """Those of some versions that a commit or (None) the working tree holds, by their descriptors alone."""
    paths = [f"{folder_of(model, models)}/{DESCRIPTOR}" for model in sorted(only)]
    lots = [paths[start : start + _LOT] for start in range(0, len(paths), _LOT)]
    files = [file for lot in lots for file in repository.files(commit, models, folders=lot)]
    return make_snapshot(repository.read(files), models).versions
