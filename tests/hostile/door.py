"""The door that hostile input comes through: a real repository, judged by `registry validate`."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import yaml

from registry.cli import run
from tests.build import a_descriptor, a_repository, a_version, write
from tests.command import Done

MODEL = "tiny"
DESCRIPTOR = "model.yaml"
SETTINGS = "[tool.registry]\n"
FOR_REVIEWERS = {"new-model", "settings-changed"}  # of a change: it adds models to a tree with other settings
WRITTEN = yaml.safe_dump(a_descriptor(), sort_keys=False).encode()


class Found(NamedTuple):
    """One finding, as far as tests of hostile input look at it."""

    line: int
    column: int
    rule: str
    path: str = DESCRIPTOR  # in the version's folder


class Case(NamedTuple):
    """The files of one version, and all that is wrong with it."""

    files: Mapping[str, bytes]
    found: list[Found]


class Verdict(NamedTuple):
    """What `registry validate` said."""

    code: int
    found: dict[str, list[Found]]  # by version; under "" what stands elsewhere
    page: str  # the same as text


def moves_no_cursor(page: str) -> bool:
    """Whether nothing on a page moves a cursor, or ends a line of its own."""
    return not any(ord(char) < 32 and char != "\n" for char in page)


def place_of(data: bytes, at: bytes) -> tuple[int, int]:
    """Line and column of the first of these bytes, in characters and counted from 1."""
    before = re.split(r"\r\n|\r|\n", data[: data.index(at)].decode())
    return len(before), len(before[-1]) + 1


def written(data: bytes | str, *wrong: tuple[str, bytes | str] | Found) -> Case:
    """A version with this descriptor; of each mistake the rule, and the bytes at which it stands first."""
    text = data.encode() if isinstance(data, str) else data
    return Case(a_version(model__yaml=text), sorted(_found(text, mistake) for mistake in wrong))


def _found(text: bytes, mistake: tuple[str, bytes | str] | Found) -> Found:
    if isinstance(mistake, Found):
        return mistake
    rule, at = mistake
    return Found(*place_of(text, at.encode() if isinstance(at, str) else at), rule)


def replaced(old: str, new: bytes | str) -> bytes:
    """A good descriptor with one place changed."""
    assert WRITTEN.count(old.encode()) == 1
    return WRITTEN.replace(old.encode(), new.encode() if isinstance(new, str) else new)


def judge(folder: Path, cases: Mapping[str, Case], settings: str = SETTINGS) -> Verdict:
    """What is wrong with the versions of these cases, all in one repository."""
    repository = a_repository(folder, settings)
    for number, case in enumerate(cases.values()):
        write(repository, f"{MODEL}/1.{number}", case.files)
    verdict = verdict_of(repository)
    return verdict._replace(found={name: verdict.found.get(f"1.{number}", []) for number, name in enumerate(cases)})


def verdict_of(repository: Path, *options: str) -> Verdict:
    """What `registry validate` finds wrong in a repository, and says of it; a word for reviewers is nothing wrong."""
    report, page = call(repository, "validate", *options, "--format", "json"), call(repository, "validate", *options)
    assert (report.code, report.err, page.err) == (page.code, "", "")
    found: dict[str, list[Found]] = {}
    for finding in (f for f in report.json["findings"] if f["rule"] not in FOR_REVIEWERS):
        version, path = _split(finding["path"])
        found.setdefault(version, []).append(Found(finding["line"], finding["column"], finding["rule"], path))
    return Verdict(report.code, {version: sorted(those) for version, those in found.items()}, page.out)


def _split(path: str) -> tuple[str, str]:
    """Version and path in it; of what stands elsewhere no version and the whole path."""
    prefix = f"models/{MODEL}/"
    version, slash, rest = path.removeprefix(prefix).partition("/")
    return (version, rest) if path.startswith(prefix) and slash else ("", path)


def call(folder: Path, *arguments: str) -> Done:
    """How a command ends in a folder, here and now: what it raised, the test would raise."""
    page, errors = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(page), redirect_stderr(errors):
        code = run(list(arguments))
    return Done(code, page.getvalue(), errors.getvalue())
