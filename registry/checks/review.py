"""Review: what a maintainer should look at before a change is merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.checks.lifecycle import check_step, state_of
from registry.checks.sources import source_place
from registry.finding import Finding, Place
from registry.snapshot import Version

_JUMP = 2  # times as many parameters, or as few


@dataclass(frozen=True)
class Past:
    """What a version of the head is compared with."""

    base: Version | None = None  # it itself in the base
    predecessor: Version | None = None  # of one that the base has not: its parent, or the version before it
    is_new_model: bool = False  # neither the base nor the head has another version before it

    @property
    def version(self) -> Version | None:
        """The one to compare with; None where there is none."""
        return self.base or self.predecessor


def check_change(version: Version, past: Past) -> Iterator[Finding]:
    """Everything that a maintainer should look at in one version."""
    if version.node is None:
        return  # what cannot be read is said elsewhere
    yield from _check_model(version, past)
    yield from _check_hosts(version, past)
    yield from _check_audience(version, past)
    yield from _check_state(version, past)
    yield from _check_size(version, past)


def _check_model(version: Version, past: Past) -> Iterator[Finding]:
    if past.is_new_model and version.removal is None:
        message = f"{version.id} is the first version of a new model. Look at its name, which stays, and at its licence"
        yield Place(version.path).finding("new-model", message, found=version.id.name)


def _check_hosts(version: Version, past: Past) -> Iterator[Finding]:
    """A host that nothing came from before."""
    known = set(_hosts(past.version)) if past.version else set()
    for host, target in _hosts(version).items():
        if host not in known:
            before = f"{past.version.id} takes nothing from there" if past.version else "the model is new"
            message = f"`{target}` comes from `{host}`, and {before}. Look who can write there"
            yield source_place(version, target).finding("new-source-host", message, found=host)


def _hosts(version: Version) -> dict[str, str]:
    """The hosts of remote sources, each with the first target that comes from it."""
    hosts: dict[str, str] = {}
    for target in version.keys("model_files"):
        source = version.source(target) or ""
        if version.local(target) is None and (host := _host(source)):
            hosts.setdefault(host, target)
    return hosts


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _check_audience(version: Version, past: Past) -> Iterator[Finding]:
    if _is_public(version) and not (past.version and _is_public(past.version)):
        before = "was private until now" if past.base else "the model is new"
        before = f"{past.predecessor.id} is private" if past.predecessor else before
        message = f"{version.id} is public once this is merged, and {before}. Look whether it may be"
        yield version.place("model_config", "private").finding("made-public", message, found="false")


def _is_public(version: Version) -> bool:
    return (version.text("model_config", "private") or "").lower() == "false"


def _check_state(version: Version, past: Past) -> Iterator[Finding]:
    before, after = state_of(past.base) if past.base else "", state_of(version)
    if after == (before or "active") or (before and any(check_step(version, before))):
        return  # a step that is barred is an error
    place = version.place("lifecycle", "state")
    step = f"{version.id} goes from {before} to {after}" if before else f"{version.id} is new, and {after}"
    if after in ("withdrawn", "removed"):
        effect = "it is in no list any more" if after == "withdrawn" else "it cannot be read any more, for ever"
        yield place.finding("withdrawal", f"{step}: {effect}. Look who uses it", found=after)
    elif after in ("active", "deprecated"):
        yield place.finding("new-state", f"{step}. Look whether its users are told enough", found=after)


def _check_size(version: Version, past: Past) -> Iterator[Finding]:
    before, after = _parameters(past.version), _parameters(version)
    if past.version and before and after and max(before / after, after / before) >= _JUMP:
        ratio = after / before
        times = f"×{ratio:,.0f}" if ratio >= 100 else f"×{ratio:.2g}"
        change = f"goes from {before:,} in {past.version.id} to {after:,} ({times})"
        message = f"`num_params` {change}. Look whether this is the same model"
        yield version.place("model_metainfo", "num_params").finding("num-params-jump", message, found=str(after))


def _parameters(version: Version | None) -> int:
    """The parameter count of a readable descriptor; else 0."""
    return version.descriptor.model_metainfo.num_params if version and version.descriptor else 0
