"""Gather what the bytes of local files say, for the rules that ask for it."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice

from registry.facts import Content, Facts, Weights
from registry.repository import Repository
from registry.snapshot import SUBMODULE, SYMLINK, Snapshot, TreeFile, Version
from registry.weights import INDEX, is_safetensors, is_weights, parse_weights
from registry.yaml12 import is_lfs_pointer

_MAX_TEXT = 10 * 1024 * 1024  # bytes; a larger file beside the descriptor is a finding of its own, and is not read
_IN_MEMORY = 16 * 1024 * 1024  # bytes of one file, before they go to disk
_CONFIGURATION = "config.json"
_FEW = 20  # configurations and indices of one version; more are not read


def load_facts(repository: Repository, snapshot: Snapshot) -> Snapshot:
    """The snapshot whose versions know what their local files say."""
    texts = {version.id: _local_files(version, text_targets(version)) for version in snapshot.versions.values()}
    contents = repository.contents(f for files in texts.values() for f in files.values())
    weights = _Weights(repository)
    versions = {
        model: replace(
            version,
            facts=Facts(
                {target: contents[f.path] for target, f in texts[model].items() if f.path in contents},
                weights.load(_local_files(version, weights_targets(version))),
            ),
        )
        for model, version in snapshot.versions.items()
    }
    return replace(snapshot, versions=versions)


def text_targets(version: Version) -> list[str]:
    """The targets that rules read as a whole: scripts, conda files, configurations, indices of shards."""
    keys = [(environment, key) for environment in version.environments for key in ("entry_script", "conda_env")]
    named = {version.text("model_config", *pair) for pair in keys}
    targets = version.keys("model_files")
    others = (t for t in targets if t == _CONFIGURATION or t.endswith((INDEX, f"/{_CONFIGURATION}")))
    return [*(t for t in targets if t in named), *islice((t for t in others if t not in named), _FEW)]


def weights_targets(version: Version) -> list[str]:
    """The targets of which rules read the head, or the pickle inside."""
    return [target for target in version.keys("model_files") if is_weights(target)]


def _local_files(version: Version, targets: Iterable[str]) -> dict[str, TreeFile]:
    """The files beside the descriptor that these targets come from; other rules speak of those that are no files."""
    found = {target: version.files.get(version.local(target) or "") for target in targets}
    return {
        target: file
        for target, file in found.items()
        if file is not None
        and file.size <= _MAX_TEXT
        and file.mode not in (SYMLINK, SUBMODULE)
        and not (file.content is not None and is_lfs_pointer(file.content))
    }


class _Weights:
    """Reads weights, those that are in git once for each content."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._known: dict[tuple[str, bool], Weights | None] = {}

    def load(self, files: Mapping[str, TreeFile]) -> dict[str, Weights]:
        """What the weights among these files say, by target."""
        found = {target: self._load(target, file) for target, file in files.items()}
        return {target: weights for target, weights in found.items() if weights is not None}

    def _load(self, target: str, file: TreeFile) -> Weights | None:
        key = (file.oid or file.path, is_safetensors(target))  # all that its name says of how to read it
        if key not in self._known:
            with open_local(self._repository, file) as content:
                self._known[key] = parse_weights(target, content)
        return self._known[key]


def _chunks(repository: Repository, file: TreeFile) -> Generator[bytes, None, None]:
    yield from repository.bytes_of(file)  # to be closed early: that ends git


@contextmanager
def open_local(repository: Repository, file: TreeFile) -> Iterator[Content]:
    """A file of the repository by ranges, for the time of the block; read no farther than the last one asked for."""
    with closing(_chunks(repository, file)) as chunks, tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:

        def read(offset: int, length: int) -> bytes:
            end = kept.seek(0, 2)
            while end < offset + length and (chunk := next(chunks, b"")):
                end += kept.write(chunk)
            kept.seek(offset)
            return kept.read(length)

        yield Content(file.size, read)
