"""Trees that only git's plumbing makes: no working tree could hold them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.build import IDENTITY, a_version, git

FILE, FOLDER, LINK, MODULE = "100644", "40000", "120000", "160000"


class Entry(NamedTuple):
    """What stands in a tree under a name."""

    name: bytes
    oid: str
    mode: str = FILE


def an_object(repository: Path, data: bytes, kind: str = "blob") -> str:
    """The id of an object, which git does not look at."""
    command = ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
    environment = {**os.environ, **IDENTITY}
    done = subprocess.run(command, cwd=repository, input=data, env=environment, check=True, capture_output=True)
    return done.stdout.decode().strip()


def a_tree(repository: Path, entries: Iterable[Entry]) -> str:
    """The id of a tree, in this order and with whatever names."""
    packed = (b"%s %s\0%s" % (e.mode.encode(), e.name, bytes.fromhex(e.oid)) for e in entries)
    return an_object(repository, b"".join(packed), "tree")


def a_folder(repository: Path, name: bytes, *entries: Entry) -> Entry:
    """A folder as an entry of the one above it."""
    return Entry(name, a_tree(repository, entries), FOLDER)


def a_version_with(repository: Path, *more: Entry, without: Collection[str] = ()) -> list[Entry]:
    """The entries of a good version but for some, and others."""
    kept = {name: data for name, data in a_version().items() if name not in without}
    good = [Entry(name.encode(), an_object(repository, data)) for name, data in kept.items()]
    return sorted([*good, *more])


def a_commit_of(repository: Path, *models: Entry) -> str:
    """A commit, after the one that is there, whose folder of models has these entries."""
    settings = Entry(b"pyproject.toml", an_object(repository, b"[tool.registry]\n"))
    tree = a_tree(repository, [a_folder(repository, b"models", *models), settings])
    return git(repository, "commit-tree", tree, "-p", "HEAD", "-m", "a tree")
