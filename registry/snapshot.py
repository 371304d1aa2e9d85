"""All descriptors of one commit (or of the working tree) as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from registry.facts import Facts
from registry.finding import Finding, Place
from registry.identity import ModelId, folder_of, model_of
from registry.leaks import find_leaks
from registry.nodes import Node, place_of, to_value
from registry.tree import DESCRIPTOR, SUBMODULE, SYMLINK, TreeFile
from registry.wire import ENVIRONMENTS
from registry.yaml12 import parse_yaml, too_large

if TYPE_CHECKING:
    from registry.descriptor import Descriptor, Removal


@dataclass(frozen=True)
class Version:
    """One version as its folder describes it; neither descriptor nor removal where it cannot be read."""

    id: ModelId
    path: str  # of the descriptor
    files: Mapping[str, TreeFile] = field(default_factory=dict)  # beside the descriptor, by path in the folder
    node: Node | None = field(default=None, repr=False)  # with whatever an author has written, passwords too
    descriptor: Descriptor | None = None
    removal: Removal | None = None
    problems: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)  # pydantic's, to be said in our words
    findings: tuple[Finding, ...] = ()  # of the writing
    facts: Facts = field(default_factory=Facts, repr=False)  # what the files say, where they were read

    def knowing(self, facts: Facts) -> Version:
        """The same version with these facts; what was looked up of it stays known."""
        version = object.__new__(Version)
        version.__dict__.update(self.__dict__, facts=facts)
        return version

    def place(self, *keys: str | int, at_key: bool = False) -> Place:
        """Where the value at `keys` (or its key) stands; the nearest node above it where there is none."""
        if self.node is None:
            return Place(self.path, field=".".join(map(str, keys)))
        return place_of(self.node, self.path, keys, at_key=at_key)

    def value(self, *keys: str | int) -> str | None:
        """The text at `keys`, which may go through lists; None where there is none."""
        if keys and isinstance(keys[-1], int):
            return dict(self.texts(*map(str, keys[:-1]))).get(keys[-1])
        return self.text(*map(str, keys))

    def keys(self, *keys: str) -> list[str]:
        """The keys of the mapping at `keys`, also of a descriptor that is wrong elsewhere; none where there is none."""
        found = self._at(keys)
        return list(found) if isinstance(found, dict) else []

    def text(self, *keys: str) -> str | None:
        """The text at `keys`; None where there is none."""
        found = self._at(keys)
        return str(found) if isinstance(found, str) else None

    def texts(self, *keys: str) -> list[tuple[int, str]]:
        """The texts in the list at `keys`, each with its index."""
        found = self._at(keys)
        items = enumerate(found) if type(found) is list else ()
        return [(index, str(item.value)) for index, item in items if isinstance(item.value, str)]

    def has(self, *keys: str) -> bool:
        """Whether there is a value at `keys`; a key with nothing behind it has none."""
        return self._at(keys) is not None

    def source(self, target: str) -> str | None:
        """Where a target's bytes come from, in the short form or the long one."""
        return self.sources.get(target)

    def local(self, target: str) -> str | None:
        """The path beside the descriptor that a target is taken from; None for a remote source."""
        return self.locals.get(target)

    @cached_property
    def locals(self) -> Mapping[str, str]:
        """The paths beside the descriptor by target."""
        return {target: source[2:] for target, source in self.sources.items() if source.startswith("./")}

    @cached_property
    def environments(self) -> tuple[str, ...]:
        """The keys of `model_config` under which it is described how a script is run."""
        return tuple(key for key in ENVIRONMENTS if self._at(("model_config", key)) is not None)

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """Where the bytes come from by target; kept, because many rules ask for each."""
        files = self._at(("model_files",))
        found = ((target, _source(entry.value)) for target, entry in files.items()) if type(files) is dict else ()
        return {target: source for target, source in found if source is not None}

    def _at(self, keys: tuple[str, ...]) -> Any:
        value: Any = self.node.value if self.node else None
        for key in keys:
            if type(value) is not dict or (entry := value.get(key)) is None:
                return None
            value = entry.value
        return value


def _source(file: Any) -> str | None:
    if type(file) is dict:
        file = file["source"].value if "source" in file else None
    return str(file) if isinstance(file, str) and file else None


@dataclass(frozen=True)
class Snapshot:
    """The versions of a tree, and the files under the models' folder that belong to none."""

    models: str  # the models' folder
    versions: Mapping[ModelId, Version]
    strays: tuple[TreeFile, ...] = ()


def make_snapshot(files: Iterable[TreeFile], models: str) -> Snapshot:
    """The snapshot of these files; what is wrong with one version stays with that version."""
    folders: dict[ModelId, dict[str, TreeFile]] = {}
    strays: list[TreeFile] = []
    prefix, found = "\0", dict[str, TreeFile]()  # of the last version, whose files stand in a row
    for file in files:
        if not file.path.startswith(prefix):
            if (model := model_of(file.path, models)) is None:
                strays.append(file)
                continue
            prefix, found = f"{folder_of(model, models)}/", folders.setdefault(model, {})
        found[file.path[len(prefix) :]] = file
    versions = {model: parse_version(model, models, those) for model, those in sorted(folders.items())}
    return Snapshot(models, versions, tuple(strays))


def parse_version(model: ModelId, models: str, files: Mapping[str, TreeFile]) -> Version:
    """The version in one folder; `files` by path in the folder, the descriptor with its content."""
    path = f"{folder_of(model, models)}/{DESCRIPTOR}"
    beside = {name: file for name, file in files.items() if name != DESCRIPTOR}
    file = files.get(DESCRIPTOR)
    if file is None or file.mode in (SYMLINK, SUBMODULE):
        return Version(model, path, files)
    if file.content is None:
        return Version(model, path, beside, findings=(too_large(path, file.size),))
    node, findings = parse_yaml(path, file.content)
    facts = Facts(leaks={DESCRIPTOR: leaks}) if (leaks := find_leaks(file.content)) else Facts()
    if node is None:
        return Version(model, path, beside, findings=tuple(findings) or (_empty(path),), facts=facts)
    descriptor, removal, problems = _validate(node)
    return Version(model, path, beside, node, descriptor, removal, problems, tuple(findings), facts)


def _empty(path: str) -> Finding:
    return Place(path).finding(
        "not-a-mapping", "the descriptor is empty. Write the sections `model_config`, `model_files`, `model_metainfo`"
    )


def _validate(node: Node) -> tuple[Descriptor | None, Removal | None, tuple[Mapping[str, Any], ...]]:
    from pydantic import ValidationError

    from registry.descriptor import Descriptor, Removal

    value = to_value(node)
    try:
        if _is_removal(value):
            return None, Removal.model_validate(value), ()
        return Descriptor.model_validate(value), None, ()
    except ValidationError as error:
        return None, None, tuple(error.errors(include_url=False, include_context=True))


def _is_removal(value: Any) -> bool:
    lifecycle = value.get("lifecycle") if isinstance(value, dict) else None
    return isinstance(lifecycle, dict) and lifecycle.get("state") == "removed"
