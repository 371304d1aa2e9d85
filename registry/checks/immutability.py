"""Immutability: a registered version keeps what its users rely on."""

from __future__ import annotations

from collections.abc import Iterator

from registry.diff import refused
from registry.finding import Finding, Place
from registry.identity import ModelId, folder_of
from registry.snapshot import DESCRIPTOR, Version
from registry.wire import Json

_NEW_VERSION = "Undo the change here, and add it as a new version"


def check_against_base(version: Version, base: Version, registered: Json | None, request: Json | None) -> list[Finding]:
    """What changed since the base, which counts as registered, may change; `registered` is the request of the base."""
    if base.removal is not None:
        return list(check_stays_removed(version)) if version.removal is None else []
    if registered is None:
        return []  # the base's own descriptor is wrong: it was never registered
    if version.removal is not None:
        return list(check_removal(version, registered))
    return list(check_kept(version, registered, request)) if request is not None else []


def check_kept(version: Version, registered: Json, request: Json) -> Iterator[Finding]:
    """What was registered as `registered` keeps content files, type, properties and packages in `request`."""
    for field in refused(registered, request):
        keys = field.split(".", 1) if field.startswith("model_files.") else field.split(".")
        place = version.place(*keys)._replace(field=field)
        message = f"`{field}` differs from what is registered as {version.id}, which keeps it. {_NEW_VERSION}"
        yield place.finding("registered-content", message)


def check_removal(version: Version, registered: Json) -> Iterator[Finding]:
    """What was registered as `registered` is withdrawn before it is removed."""
    state = (registered.get("lifecycle") or {}).get("state", "active")
    if state != "withdrawn":
        message = f"{version.id} is {state}. Withdraw it first (`state: withdrawn`), and remove it in a later commit"
        yield version.place("lifecycle", "state").finding("registered-removed", message, found="removed")


def check_stays_removed(version: Version) -> Iterator[Finding]:
    """A removed version never takes content again."""
    message = f"{version.id} was removed, and its name never takes content again. Add a new version"
    yield version.place().finding("registered-content", message)


def say_never_registered(model: ModelId, models: str) -> Finding:
    """The word on a version of the base that was never registered, in place of what it would have to keep."""
    message = f"{model} is in the base and was never registered, so it may be changed or taken out freely"
    return Place(f"{folder_of(model, models)}/{DESCRIPTOR}").finding("never-registered", message)
