"""The rules: each a function with one sentence, in a plain list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from registry.finding import Finding, weigh

if TYPE_CHECKING:
    from registry.identity import ModelId
    from registry.policy import Policy
    from registry.snapshot import Snapshot, Version

VersionCheck = Callable[["Version", "Policy"], Iterator[Finding]]

_MOST = 1000  # findings of one function in one version, as many as there may be targets: nobody reads more at once


@cache
def _version_checks() -> tuple[VersionCheck, ...]:
    from registry.checks import (
        environments,
        files,
        form,
        licenses,
        lifecycle,
        references,
        scripts,
        secrets,
        sources,
        truth,
    )

    return (
        *(*form.CHECKS, *licenses.CHECKS, *files.CHECKS, *references.CHECKS, *environments.CHECKS, *scripts.CHECKS),
        *(*truth.CHECKS, *secrets.CHECKS, *sources.CHECKS, *lifecycle.CHECKS),
    )


def check_version(version: Version, policy: Policy) -> list[Finding]:
    """Everything that is wrong with one version, as its folder alone shows it."""
    found: list[Finding] = []
    for check in _version_checks():
        findings = check(version, policy)
        if (first := next(findings, None)) is not None:  # most have none
            found += [first, *islice(findings, _MOST - 1)]
    return weigh(found, policy.severity) if found else []


def check_versions(snapshot: Snapshot, policy: Policy) -> list[Finding]:
    """Everything that is wrong with the versions of the snapshot, each by itself, and with what belongs to none."""
    from registry.checks import files

    findings = [f for version in snapshot.versions.values() for f in check_version(version, policy)]
    return [*findings, *files.check_no_strays(snapshot)]


def check_named(version: Version, names: Sequence[ModelId], state: Callable[[str], str | None]) -> Iterator[Finding]:
    """What a version says of others holds; `names` are those beside it, sorted, and `state` knows where they stand."""
    from registry.checks import lifecycle, references

    yield from references.check_parent(version, names)
    yield from lifecycle.check_replacement(version, names, state)


def check_twins(judged: Iterable[ModelId], names: Iterable[ModelId], models: str) -> Iterator[Finding]:
    """No two names are one for a reader or a file system; `names` are those that the tree holds."""
    from registry.checks import files

    return files.check_no_twins(judged, names, models)


def check_snapshot(snapshot: Snapshot, policy: Policy, names: Iterable[ModelId]) -> list[Finding]:
    """Everything that is wrong with the versions of the snapshot; `names` are all versions that the tree holds."""
    findings = [*check_versions(snapshot, policy), *check_twins(snapshot.versions, names, snapshot.models)]
    return weigh(findings, policy.severity)
