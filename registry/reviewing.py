"""Gather what a reviewer should know of a change: findings, changes, what merging does, and who has to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry.comparing import Sides, add_texts, compare, load_sides
from registry.desired import load_requests
from registry.finding import Finding, Severity, weigh
from registry.identity import ModelId, model_of, version_order
from registry.judging import Scope, judge
from registry.owners import PLACES, OwnersOf, parse_owners
from registry.plan import Item, Observed, decide
from registry.policy import Policy
from registry.repository import Repository
from registry.review import Owned, Review, is_look
from registry.snapshot import Version
from registry.wire import Json

_NEVER_REGISTERED = "never-registered"


def load_review(
    repository: Repository, base: str, head: str, models: str, policy: Policy, settings: Iterable[Finding] = ()
) -> Review:
    """The change from one commit to another, judged by `policy`; `settings` are the findings about the settings."""
    verdict = judge(repository, Scope(models, base, head), policy)
    findings = weigh([*verdict.findings, *settings], policy.severity)
    sides = load_sides(repository, models, base, head, repository.difference(base, head, models))
    owners = parse_owners(next(filter(None, (repository.text(base, place) for place in PLACES)), None))
    others = [path for path in sorted(repository.changed(base, head, ".")) if not path.startswith(f"{models}/")]
    return Review(
        base=base,
        head=head,
        findings=findings,
        judged=verdict.judged,
        changes=add_texts(repository, sides, compare(repository, sides)),
        items=list(_items(repository, sides, findings)),
        unchecked=tuple(_unchecked(sides)),
        owned=tuple(_owned(owners, findings, others)),
    )


def _items(repository: Repository, sides: Sides, findings: Iterable[Finding]) -> Iterator[Item]:
    """What merging would do for each version, with the base taken as converged."""
    by_model: dict[ModelId, list[Finding]] = {}
    for finding in findings:
        if model := model_of(finding.path, sides.head.models):
            by_model.setdefault(model, []).append(finding)
    before = load_requests(repository, sides.base.versions.values())
    valid = [v for m, v in sides.head.versions.items() if m in sides.touched and not _has_errors(by_model.get(m, ()))]
    after = load_requests(repository, valid)
    for model in sorted(sides.touched, key=lambda one: (one.name, version_order(one.version))):
        found = by_model.get(model, [])
        observed = _observed(sides.base.versions.get(model), before.get(model), found)
        item = decide(sides.head.versions.get(model), after.get(model), observed, found, model)
        if item and item.action != "unchanged":
            yield item


def _observed(version: Version | None, request: Json | None, findings: Iterable[Finding]) -> Observed | None:
    if any(finding.rule == _NEVER_REGISTERED for finding in findings):
        return None
    if version is not None and version.removal is not None:
        return Observed("removed", {})
    return Observed("registered", request) if request else None


def _has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _unchecked(sides: Sides) -> Iterator[str]:
    """What only the merge tells, in sentences."""
    remote = [source for model in sides.touched for source in _remote(sides.head.versions.get(model))]
    if remote:
        files = "1 remote file was" if len(remote) == 1 else f"{len(remote):,} remote files were"
        yield f"{files} not read: size and sha256 are verified after the merge, before anything is registered."
    lost = [str(m) for m in sides.touched if (v := sides.base.versions.get(m)) and not v.descriptor and not v.removal]
    for model in sorted(lost):
        yield f"{model} cannot be read in the base: whether it keeps what is registered is seen after the merge."
    if sides.touched:
        yield "Storage and endpoint were not asked: what the base holds counts as registered."


def _remote(version: Version | None) -> list[str]:
    """The targets that come from a URL."""
    return sorted(version.sources.keys() - version.locals.keys()) if version else []


def _owned(owners: OwnersOf, findings: Iterable[Finding], others: Iterable[str]) -> Iterator[Owned]:
    """What a maintainer should look at: versions by what was found, and what changes outside of the models' folder."""
    looks = [finding for finding in findings if is_look(finding)]
    yield from (Owned(look.path, owners(look.path), look.message) for look in looks)
    said = {look.path for look in looks}
    yield from (Owned(path, owners(path), _power(path)) for path in others if path not in said)


def _power(path: str) -> str:
    """What a file outside of the models' folder decides; empty where nothing is known of it."""
    if path in PLACES:
        return "it says who reviews what. Look who is named now"
    return "it says what runs on a pull request or after a merge" if path.startswith(".github/workflows/") else ""
