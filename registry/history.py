"""Who changed each version, who merged it, and by which pull request, read from one log of git."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from registry.identity import ModelId, model_of, version_at

_PULL_REQUEST = re.compile(r"Merge pull request #(\d{1,9}) from |.*\(#(\d{1,9})\)$")
_TREE = "040000"  # git's mode of a folder

_FORM = ("-z", "--format=%x01%H%n%P%n%an <%ae>%n%cn <%ce>%n%cI%n%s")  # no name and no subject holds a line feed
# Nobody's settings of git change what it says: signatures, renames, the first commit, encodings.
_PLAIN = ("--no-show-signature", "--no-follow", "--no-renames", "--root", "--encoding=UTF-8")
_FIRST = ("--full-history", "--diff-merges=first-parent", *_PLAIN)
# What git log is asked for: all commits with the names of files, and the main line with the ids of folders.
ALL = (*_FORM, *_FIRST, "--sparse", "--topo-order", "--name-only")
MAIN_LINE = (*_FORM, *_FIRST, "--first-parent", "--raw", "-r", "-t", "--no-abbrev")


class Commit(NamedTuple):
    """Who made a commit, and what it followed."""

    id: str
    parents: tuple[str, ...]
    author: str  # `name <address>`
    committer: str
    time: str  # ISO 8601 with offset, of the committer
    subject: str


class Logged(NamedTuple):
    """A commit with the paths that differ from its first parent."""

    commit: Commit
    paths: Collection[str]


class Step(NamedTuple):
    """A commit of the main line with git's ids of the versions' folders that it changed, before and after."""

    commit: Commit
    trees: Mapping[ModelId, tuple[str | None, str | None]]  # None: no folder


class Origin(NamedTuple):
    """Where the present form of a version comes from."""

    change: Commit  # that made it
    merge: str | None = None  # id of the commit that merged it into the main line
    pull_request: int | None = None


def parse_log(pieces: Iterable[str]) -> Iterator[Logged]:
    """What git prints for ALL, between NULs."""
    made: Commit | None = None
    paths: list[str] = []
    for piece in pieces:
        if not piece.startswith("\x01"):
            paths.append(piece.removeprefix("\n"))
            continue
        if made:
            yield Logged(made, paths)
        made, paths = _parse_commit(piece), []
    if made:
        yield Logged(made, paths)


def parse_steps(pieces: Iterable[str], models: str) -> Iterator[Step]:
    """What git prints for MAIN_LINE, between NULs."""
    made: Commit | None = None
    trees: dict[ModelId, tuple[str | None, str | None]] = {}
    pieces = iter(pieces)
    for piece in pieces:
        if piece.startswith("\x01"):
            if made:
                yield Step(made, trees)
            made, trees = _parse_commit(piece), {}
            continue
        old_mode, new_mode, old, new, _ = piece.lstrip("\n:").split()
        model = version_at(next(pieces), models)
        if model and _TREE in (old_mode, new_mode):
            trees[model] = (old if old_mode == _TREE else None, new if new_mode == _TREE else None)
    if made:
        yield Step(made, trees)


def _parse_commit(piece: str) -> Commit:
    """Bytes of a name that are no UTF-8 become U+FFFD: bodies, receipts and reports are UTF-8."""
    text = piece[1:].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    oid, parents, *rest = text.split("\n", 5)
    return Commit(oid, tuple(parents.split()), *rest)


def find_origins(
    log: Iterable[Logged], wanted: Set[ModelId], models: str, merged: Mapping[str, int]
) -> dict[ModelId, Origin]:
    """The origin of each wanted version; the log begins with the head, and goes on as `git log --topo-order` does.

    Git shows what a merge brought before what its first parent brought: so the next commit beside the main line that
    names a version is the one that was merged. `merged` are pull requests that the forge tells of, by their commit on
    the main line. A version that no commit names, such as in a shallow clone, comes from the head.
    """
    found: dict[ModelId, Origin] = {}
    brought: dict[ModelId, Commit] = {}  # by a merge whose own commits are still to come
    main = head = None
    for commit, paths in log:
        head = head or commit
        is_main = main in (None, commit.id)
        main = next(iter(commit.parents), "") if is_main else main
        named = {model_of(path, models) for path in paths}
        for model in wanted & named - found.keys():
            if is_main and len(commit.parents) > 1:
                brought.setdefault(model, commit)
            elif is_main or (model in brought and len(commit.parents) < 2):
                found[model] = _origin(commit, None if is_main else brought.get(model), merged)
        if len(found) == len(wanted):
            break
    if head is not None:
        rest = {model: _origin(brought.get(model, head), brought.get(model), merged) for model in wanted}
        found = rest | found
    return found


def origin_of(commit: Commit) -> Origin:
    """The origin of what a commit of the main line changed that is no merge."""
    return _origin(commit, None, {})


def _origin(change: Commit, merge: Commit | None, merged: Mapping[str, int]) -> Origin:
    main = merge or change
    return Origin(change, merge.id if merge else None, merged.get(main.id) or _pull_request(main.subject))


def _pull_request(subject: str) -> int | None:
    """The number in the title that a forge gives to a merge, or to a squashed change."""
    match = _PULL_REQUEST.match(subject)
    return int(match[1] or match[2]) if match else None
