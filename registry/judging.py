"""Judge a commit or the working tree, all of it or what differs from a base, in shares that several processes take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from registry.checks import check_twins, check_versions
from registry.checks.immutability import check_against_base
from registry.desired import load_requests
from registry.errors import UsageError
from registry.evidence import load_facts
from registry.finding import Finding, weigh
from registry.identity import ModelId, Unit, folder_of, model_of, unit_of
from registry.parallel import map_shares
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Snapshot, TreeFile, make_snapshot

_SHARE = 2000  # files: much work beside what it costs to hand them to another process
_BATCH = 200  # files judged at once: what is read of them stays in the caches of a processor
_PART_BYTES = 32 * 1024 * 1024  # of the files of a part: much of it may be in memory at a time


@dataclass(frozen=True)
class Scope:
    """What is judged: a commit by its full id, or the working tree where there is no head."""

    models: str  # the models' folder
    base: str | None = None  # judge only what differs from this commit; what it holds counts as registered
    head: str | None = None
    folders: tuple[str, ...] = ()  # judge only what stands in these; none: everything


class Verdict(NamedTuple):
    """What is wrong, sorted and weighed, and how many versions were looked at."""

    findings: list[Finding]
    judged: int


def judge(repository: Repository, scope: Scope, policy: Policy) -> Verdict:
    """Everything that is wrong in the scope."""
    only = _touched(repository, scope)
    files = repository.files(scope.head, scope.models, only, scope.folders if only is None else ())
    findings: list[Finding] = []
    models: list[ModelId] = []
    for found, judged in map_shares(partial(_judge, repository, scope, policy), _divided(files, scope.models, _SHARE)):
        findings += found
        models += judged
    is_whole = only is None and not scope.folders
    names = models if is_whole else repository.neighbours(scope.head, scope.models, models)
    return Verdict(weigh([*findings, *check_twins(models, names, scope.models)], policy.severity), len(models))


def folders_at(repository: Repository, models: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The folders to judge for paths of the disk: that of the version for a path in it; none for everything."""
    root = repository.root.resolve()
    folders = tuple(dict.fromkeys(_folder_at(root, models, path) for path in paths))
    return () if models in folders else folders


def _folder_at(root: Path, models: str, path: str) -> str:
    hint = f"name a folder under `{models}/`"
    try:
        place = Path(path).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        raise UsageError(f"`{path}` is not in this repository", hint=hint) from error
    if not place.is_relative_to(root):
        raise UsageError(f"`{path}` is not in this repository", hint=hint)
    relative = place.relative_to(root).as_posix()
    if relative == "." or f"{models}/".startswith(f"{relative}/"):
        return models
    if not relative.startswith(f"{models}/"):
        raise UsageError(f"`{path}` holds no models", hint=hint)
    model = model_of(f"{relative}/", models)
    return folder_of(model, models) if model else relative


def _touched(repository: Repository, scope: Scope) -> set[Unit] | None:
    """What differs from the base; None where there is none."""
    if scope.base is None:
        return None
    paths = repository.changed(scope.base, scope.head, scope.models)
    return {unit_of(path, scope.models) for path in paths if _is_in(path, scope.folders)}


def _is_in(path: str, folders: Sequence[str]) -> bool:
    return not folders or any(f"{path}/".startswith(f"{parent}/") for parent in folders)


def _divided(files: Iterable[TreeFile], models: str, most: int) -> Iterator[list[TreeFile]]:
    """The files in parts of about `most` that hold versions whole."""
    part: list[TreeFile] = []
    size, last = 0, None
    for file in files:
        model = model_of(file.path, models)
        if (len(part) >= most or size >= _PART_BYTES) and model != last:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size
        last = model
    if part:
        yield part


def _judge(
    repository: Repository, scope: Scope, policy: Policy, share: list[TreeFile]
) -> tuple[list[Finding], list[ModelId]]:
    """What is wrong with the versions in a share, and which they are."""
    findings: list[Finding] = []
    models: list[ModelId] = []
    for files in _divided(share, scope.models, _BATCH):
        snapshot = load_facts(repository, make_snapshot(repository.read(files), scope.models))
        findings += check_versions(snapshot, policy)
        findings += _broken_promises(repository, snapshot, scope.base) if scope.base else ()
        models += snapshot.versions
    return findings, models


def _broken_promises(repository: Repository, snapshot: Snapshot, base: str) -> Iterator[Finding]:
    """What the versions change although the base has them, and so they count as registered."""
    before = repository.snapshot(base, snapshot.models, list(snapshot.versions)).versions
    registered = load_requests(repository, before.values())
    wanted = load_requests(repository, snapshot.versions.values())
    for model, version in snapshot.versions.items():
        if model in before:
            yield from check_against_base(version, before[model], registered.get(model), wanted.get(model))
