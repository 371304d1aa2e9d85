"""Judge a commit or the working tree, all of it or what differs from a base, in shares that several processes take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from registry.changing import Broken, judge_changes, judge_gone
from registry.checks import check_twins, check_versions
from registry.checks.immutability import say_never_registered
from registry.checks.lifecycle import named_versions
from registry.errors import UsageError
from registry.evidence import Leaks, load_facts
from registry.finding import Finding, weigh
from registry.identity import ModelId, Unit, folder_of, model_of, unit_of
from registry.naming import judge_names, states_of
from registry.parallel import map_shares
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Snapshot, Version, make_snapshot
from registry.tree import TreeFile

_Columns = tuple[tuple[Any, ...], ...]  # of TreeFile: all paths, all modes, …
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


class Unregistered(NamedTuple):
    """The versions that the endpoint never registered, and in words what it could not be asked."""

    models: frozenset[ModelId] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Online:
    """What is asked beyond the tree."""

    add_remote_facts: Callable[[Snapshot, Mapping[ModelId, Version]], Snapshot]  # the versions are those of the base
    find_unregistered: Callable[[Mapping[ModelId, bool]], Unregistered]  # each with whether it is public


class Verdict(NamedTuple):
    """What is wrong, sorted and weighed, and how many versions were looked at."""

    findings: list[Finding]
    judged: int
    note: str = ""  # what the endpoint could not be asked, where that made a difference


def judge(repository: Repository, scope: Scope, policy: Policy, online: Online | None = None) -> Verdict:
    """Everything that is wrong in the scope; with `online` also what sources and the endpoint know of it."""
    only = _touched(repository, scope)
    files = repository.files(scope.head, scope.models, only, scope.folders if only is None else ())
    shares, work = _shares(files, scope.models), partial(_judge, repository, scope, policy, online)
    findings: list[Finding] = []
    models: list[ModelId] = []
    broken: list[Broken] = []
    added: dict[str, ModelId] = {}
    for share in map(work, shares) if online else map_shares(work, shares):  # sources are asked by threads, all in one
        findings += share.findings
        models += share.models
        broken += share.broken
        added |= share.added
    gone = {unit for unit in (only or set()).difference(models) if isinstance(unit, ModelId)}
    if scope.base and gone:
        shares = _shares(repository.files(scope.base, scope.models, gone), scope.models)
        broken += chain.from_iterable(map_shares(partial(_judge_gone, repository, scope.models, added), shares))
    unregistered = _unregistered(online, broken)
    for version in broken:
        is_free = version.model in unregistered.models
        findings += [say_never_registered(version.model, scope.models)] if is_free else version.findings
    is_whole = only is None and not scope.folders
    names = models if is_whole else repository.neighbours(scope.head, scope.models, models)
    weighed = weigh([*findings, *check_twins(models, names, scope.models)], policy.severity)
    return Verdict(weighed, len(models), unregistered.note)


def _unregistered(online: Online | None, broken: Iterable[Broken]) -> Unregistered:
    """Which of these versions were never registered; nobody is asked where none would be better for it."""
    asked = {version.model: version.is_public for version in broken}
    return online.find_unregistered(asked) if online and asked else Unregistered()


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
    size = 0
    for file in files:
        is_full = len(part) >= most or size >= _PART_BYTES
        if is_full and model_of(file.path, models) != model_of(part[-1].path, models):
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size
    if part:
        yield part


def _shares(files: Iterable[TreeFile], models: str) -> Iterator[_Columns]:
    """The files in parts that processes take, each as columns: those are handed over in half the time."""
    return (tuple(zip(*part, strict=True)) for part in _divided(files, models, _SHARE))


def _files(share: _Columns) -> Iterator[TreeFile]:
    return map(TreeFile._make, zip(*share, strict=True))


_looked = cache(Leaks)  # in each process that takes shares: one


class _Share(NamedTuple):
    """What is wrong with the versions of a share, which they are, and what those would keep that the base has not."""

    findings: list[Finding]
    models: list[ModelId]
    broken: list[Broken]
    added: dict[str, ModelId]


def _judge(repository: Repository, scope: Scope, policy: Policy, online: Online | None, share: _Columns) -> _Share:
    """The versions of a share by themselves, beside the base, and beside those that they name."""
    judged = _Share([], [], [], {})
    naming: list[Version] = []
    states: dict[ModelId, str | None] = {}
    for files in _divided(
        _files(share), scope.models, _SHARE if scope.base else _BATCH
    ):  # new versions of a model together
        snapshot = load_facts(repository, make_snapshot(repository.read(files), scope.models), _looked())
        before = repository.snapshot(scope.base, scope.models, list(snapshot.versions)).versions if scope.base else {}
        if online:
            snapshot = online.add_remote_facts(snapshot, before)
        judged.findings.extend(check_versions(snapshot, policy))
        if scope.base:
            changes = judge_changes(repository, snapshot, before, scope.base)
            judged.findings.extend(changes.findings)
            judged.broken.extend(changes.broken)
            judged.added.update(changes.added)
        naming += filter(named_versions, snapshot.versions.values())
        states |= states_of(snapshot.versions)
    judged.findings.extend(judge_names(repository, scope.models, scope.head, naming, states))
    judged.models.extend(states)
    return judged


def _judge_gone(repository: Repository, models: str, added: Mapping[str, ModelId], share: _Columns) -> list[Broken]:
    """The versions of the base, in a share, whose folders are gone."""
    return judge_gone(repository, make_snapshot(repository.read(_files(share)), models), added)
