"""Lifecycle: a version leaves its users step by step, and tells them why and where to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from registry.checks.references import is_among, nearest_version, version_name_problem
from registry.finding import Finding
from registry.identity import ModelId
from registry.policy import Policy
from registry.snapshot import Version

_ACTIVE = "active"


def state_of(version: Version) -> str:
    """Where a version stands between active and removed, also of a descriptor that is wrong elsewhere."""
    return version.text("lifecycle", "state") or _ACTIVE


def named_versions(version: Version) -> list[str]:
    """The other versions that a version names, as they are written."""
    return [text for text in (version.text("parent"), version.text("lifecycle", "replaced_by")) if text is not None]


def check_reason(version: Version, _: Policy) -> Iterator[Finding]:
    """A version that is not active says why."""
    state, reason = state_of(version), version.text("lifecycle", "reason")
    if state in ("deprecated", "withdrawn", "removed") and not (reason or "").strip():
        message = f"{version.id} is {state}, and nobody is told why. Add `reason`: one line for those who use it"
        yield version.place("lifecycle", "state" if reason is None else "reason").finding("reason-missing", message)


def check_nothing_is_unused(version: Version, _: Policy) -> Iterator[Finding]:
    """Of an active version nothing is said that only one on its way out has."""
    if state_of(version) != _ACTIVE:
        return
    # Who writes `state: active` may well say why: it came back.
    for key in ("replaced_by",) if version.text("lifecycle", "state") else ("replaced_by", "reason"):
        if version.text("lifecycle", key):
            message = (
                f"{version.id} is active, and `{key}` is for one that leaves. Add `state: deprecated`, or take it out"
            )
            yield version.place("lifecycle", key, at_key=True).finding("lifecycle-unused", message)


CHECKS = (check_reason, check_nothing_is_unused)


def check_replacement(
    version: Version, names: Sequence[ModelId], state: Callable[[str], str | None]
) -> Iterator[Finding]:
    """`replaced_by` names another version, which is there and is active.

    `names` are all versions beside it, sorted; `state` is asked for that of one of them (None: it cannot be read).
    """
    if (text := version.text("lifecycle", "replaced_by")) is None:
        return
    place = version.place("lifecycle", "replaced_by")
    problem = version_name_problem(text, version.id)
    if problem or not is_among(text, names):
        near = nearest_version(text, version.id, names)
        wrong = f"`replaced_by` {problem}" if problem else f"`{text}` is not in this repository"
        advice = f"Did you mean `{near}`?" if near else "Name a version of this repository, or take the line out"
        yield place.finding("replaced-by-unknown", f"{wrong}. {advice}", found=text, fix=near)
    elif (other := state(text)) not in (None, _ACTIVE):
        message = f"`{text}` is {other} itself. Name a version that users can stay with, or take the line out"
        yield place.finding("replaced-by-inactive", message, found=text)


def check_step(version: Version, before: str) -> Iterator[Finding]:
    """A registered version is withdrawn before it is removed, and removed for good; `before` is its state until now."""
    after = state_of(version)
    if before == "removed" and after != "removed":
        message = f"{version.id} was removed, and its name never takes content again. Add a new version"
        yield version.place("lifecycle", "state").finding("registered-removed", message, found=after)
    elif after == "removed" and before not in ("withdrawn", "removed"):
        message = f"{version.id} is {before}. Withdraw it first (`state: withdrawn`), and remove it in a later commit"
        yield version.place("lifecycle", "state").finding("registered-removed", message, found=after)


def check_haste(version: Version, before: str) -> Iterator[Finding]:
    """A registered version is deprecated before it is withdrawn, so that its users hear of it while it works."""
    if before == _ACTIVE and state_of(version) == "withdrawn":
        message = (
            f"{version.id} was active until now. Deprecate it first (`state: deprecated`), unless it must go at once"
        )
        yield version.place("lifecycle", "state").finding("withdrawn-at-once", message, found="withdrawn")
