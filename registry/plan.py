"""What to do so that observed becomes desired: one action for each version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from registry.checks.immutability import check_kept
from registry.checks.lifecycle import check_step
from registry.diff import make_fields, make_files
from registry.finding import Finding, Severity
from registry.identity import ModelId, version_order
from registry.wire import Json

if TYPE_CHECKING:
    from registry.snapshot import Snapshot, Version

Action = Literal["register", "amend", "remove", "repair", "refuse", "missing", "unchanged"]
ACTIONS: tuple[Action, ...] = ("register", "amend", "remove", "repair", "refuse", "missing", "unchanged")


@dataclass(frozen=True)
class Item:
    """What to do for one version, and why."""

    model: ModelId
    action: Action
    reason: str
    files: int = 0  # to copy
    bytes: int = 0
    findings: tuple[Finding, ...] = ()


class Plan(NamedTuple):
    """What to do for a commit; `unchanged` versions are counted, not listed."""

    commit: str
    converged: str | None  # the commit converged last
    items: tuple[Item, ...]
    unchanged: int
    note: str = ""  # such as "superseded"

    def counts(self) -> dict[str, int]:
        """How many versions end in each action."""
        counts: dict[str, int] = {action: sum(item.action == action for item in self.items) for action in ACTIONS}
        return counts | {"unchanged": self.unchanged}


class Observed(NamedTuple):
    """What is known of one version from its last receipt, and from storage and endpoint where they were asked."""

    action: str  # of the last receipt
    request: Json
    drift: str = ""  # what storage or endpoint lack, in words; empty: nothing known


def decide(
    version: Version | None,
    request: Json | None,
    observed: Observed | None,
    findings: Sequence[Finding],
    model: ModelId,
) -> Item | None:
    """The one action for a version; None for one that is in no commit and was never registered."""
    if version is None:
        return _missing(model, observed) if observed is not None and observed.action != "removed" else None
    errors = tuple(f for f in findings if f.severity is Severity.ERROR)
    if errors:
        return _refuse(version, errors)
    if version.removal is not None:
        return _decide_removal(version, observed)
    if request is None:  # the settings make less than an error of what leaves nothing to register
        reason = "its descriptor, or a file that it names, cannot be read, whatever [tool.registry.severity] says"
        return Item(model, "refuse", reason, findings=tuple(findings))
    if observed is None:
        return _copying(model, "register", "not registered yet", {}, request)
    if observed.action == "removed":
        return _refuse(version, check_step(version, "removed"))
    if kept := list(check_kept(version, observed.request, request)):
        return _refuse(version, kept)
    if make_fields(observed.request, request) or make_files(observed.request["model_files"], request["model_files"]):
        return _copying(model, "amend", "what may change has changed", observed.request["model_files"], request)
    if observed.drift:
        return _copying(model, "repair", observed.drift, {}, request)
    return Item(model, "unchanged", "")


def make_plan(commit: str, converged: str | None, items: Iterable[Item | None], untouched: int) -> Plan:
    """The plan of these items; `untouched` versions were not looked at, because nothing about them changed."""
    decided = [item for item in items if item is not None]
    listed = sorted(
        (i for i in decided if i.action != "unchanged"), key=lambda i: (i.model.name, version_order(i.model.version))
    )
    return Plan(commit, converged, tuple(listed), untouched + len(decided) - len(listed))


def listed_findings(snapshot: Snapshot, findings: Iterable[Finding]) -> Mapping[ModelId, list[Finding]]:
    """The findings by the version whose descriptor or files they are about."""
    folders = {version.path.rsplit("/", 1)[0]: model for model, version in snapshot.versions.items()}
    sorted_out: dict[ModelId, list[Finding]] = {}
    for finding in findings:
        folder = "/".join(finding.path.split("/")[: snapshot.models.count("/") + 3])
        if folder in folders:
            sorted_out.setdefault(folders[folder], []).append(finding)
    return sorted_out


def _missing(model: ModelId, observed: Observed) -> Item:
    lack = f"; {observed.drift}, and the commit holds nothing to repair it with" if observed.drift else ""
    return Item(model, "missing", f"registered, and its folder is gone: nothing is removed{lack}")


def _decide_removal(version: Version, observed: Observed | None) -> Item:
    if observed is None or observed.action == "removed":
        return Item(version.id, "unchanged", "")
    state = (observed.request.get("lifecycle") or {}).get("state", "active")
    if too_early := list(check_step(version, state)):
        return _refuse(version, too_early)
    return Item(version.id, "remove", "withdrawn, and removed in the commit")


def _copying(model: ModelId, action: Action, reason: str, before: Mapping[str, Json], request: Json) -> Item:
    files = [change.after for change in make_files(before, request["model_files"]) if change.after]
    return Item(model, action, reason, len(files), sum(file.get("size") or 0 for file in files))


def _refuse(version: Version, findings: Iterable[Finding]) -> Item:
    errors = tuple(findings)
    return Item(version.id, "refuse", counted(errors), findings=errors)


def counted(findings: Sequence[Finding]) -> str:
    """How many, and of which rules."""
    rules = ", ".join(sorted({finding.rule for finding in findings}))
    return f"{len(findings)} finding{'s' if len(findings) > 1 else ''}: {rules}"
