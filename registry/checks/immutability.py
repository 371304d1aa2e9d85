"""Immutability: a registered version keeps what its users rely on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from registry.checks.lifecycle import check_haste, check_step, state_of
from registry.diff import kept, refused
from registry.finding import Finding, Place
from registry.identity import ModelId, descriptor_place
from registry.snapshot import Version
from registry.wire import Json, without_query

_ONE_KEY = re.compile(
    r"(model_files|model_config\.\w+\.args)\.(.+)", re.DOTALL
)  # what may hold dots stands under these


def check_against_base(version: Version, base: Version, registered: Json | None, request: Json | None) -> list[Finding]:
    """What changed since the base, which counts as registered, may change; `registered` is the request of the base."""
    if base.removal is None and registered is None:
        return []  # the base's own descriptor is wrong: it was never registered
    findings = [*check_step(version, state_of(base)), *check_haste(version, state_of(base))]
    if registered is not None and request is not None:
        findings += check_kept(version, _pinned(registered, base, version), request)
    return findings


def check_kept(version: Version, registered: Json, request: Json) -> Iterator[Finding]:
    """What was registered as `registered` keeps content files, type, properties and packages in `request`."""
    for field in refused(registered, request):
        place = version.place(*_keys(field))._replace(field=field)
        message = (
            f"`{field}` differs from what is registered as {version.id}, which keeps it. "
            f"Undo the change here, and add it as a new version with `parent: {version.id}`"
        )
        yield place.finding("registered-content", message)


def check_gone(base: Version, registered: Json | None, added: Mapping[str, ModelId], models: str) -> Iterator[Finding]:
    """The folder of a registered version stays where it is; `added` are new versions, by what they would keep."""
    if base.removal is not None:
        message = f"{base.id} was removed, and this descriptor keeps its name from new content. Bring it back"
        yield Place(base.path).finding("registered-gone", message)
    elif registered is not None:
        renamed = added.get(kept(registered))
        yield _renamed(base, renamed, models) if renamed else _gone(base)


def say_never_registered(model: ModelId, models: str) -> Finding:
    """The word on a version of the base that was never registered, in place of what it would have to keep."""
    message = f"{model} is in the base and was never registered, so it may be changed or taken out freely"
    return descriptor_place(model, models).finding("never-registered", message)


def _gone(base: Version) -> Finding:
    message = (
        f"{base.id} is registered, and stays so without its folder. Bring the folder back. To take the version out, "
        "write `lifecycle: {state: withdrawn, reason: …}`, and in a later commit leave nothing but a `model.yaml` with "
        "`lifecycle: {state: removed, reason: …}`"
    )
    return Place(base.path).finding("registered-gone", message)


def _renamed(base: Version, now: ModelId, models: str) -> Finding:
    what = "version" if base.id.name == now.name else "model"
    message = (
        f"{base.id} was moved here. A name is an identity: what is registered keeps its own, and this is a new {what}. "
        f"Bring the folder of {base.id} back, and tell its users: "
        f"`lifecycle: {{state: deprecated, reason: …, replaced_by: {now}}}`"
    )
    return descriptor_place(now, models).finding("registered-renamed", message, found=str(now), expected=str(base.id))


def _keys(field: str) -> list[str]:
    """The keys of a dotted field."""
    one = _ONE_KEY.fullmatch(field)
    return [*one.group(1).split("."), one.group(2)] if one else field.split(".")


def _pinned(registered: Json, base: Version, version: Version) -> Json:
    """What is registered, with pins that were added since: reconcile holds them against the bytes that it copied."""
    if base.descriptor is None or version.descriptor is None:
        return registered
    before, after = base.descriptor.model_files, version.descriptor.model_files
    added = {
        target: {"sha256": file.sha256, "size": file.size}
        for target, file in after.items()
        if file.sha256 and target in before and not before[target].sha256
        if before[target].local is None and without_query(before[target].source) == without_query(file.source)
    }
    return {**registered, "model_files": {**registered["model_files"], **added}}
