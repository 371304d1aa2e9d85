"""Gather what the bytes of files say, for the rules that ask for it: of local ones, and of others handed in."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import accumulate, islice

from registry.facts import Content, Facts, Weights
from registry.leaks import Leak, find_leaks
from registry.repository import Repository
from registry.snapshot import Snapshot, Version
from registry.tree import SUBMODULE, SYMLINK, TreeFile
from registry.weights import INDEX, is_safetensors, is_weights, parse_weights
from registry.yaml12 import is_lfs_pointer

MAX_TEXT = 10 * 1024 * 1024  # bytes; a larger file beside the descriptor is a finding of its own, and is not read
_MAX_SEARCHED = 1024 * 1024  # bytes; who writes a secret writes it into a script, a page or a configuration
_MAX_TOGETHER = 32 * 1024 * 1024  # bytes of one version's files that are searched
_IN_MEMORY = 16 * 1024 * 1024  # bytes of one file, before they go to disk
_CONFIGURATION = "config.json"
_FEW = 20  # configurations and indices of one version; more are not read


class Leaks:
    """Looks for secrets in small files, in those that are in git once for each content."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Leak, ...]] = {}  # by git's id

    def to_read(self, version: Version) -> list[TreeFile]:
        """The files beside a descriptor that have to be read for this."""
        files = [f for f in version.files.values() if f.oid not in self._known and _is_searched(f)]
        if not files:
            return files
        together = accumulate(file.size for file in files)
        return [file for file, size in zip(files, together, strict=True) if size <= _MAX_TOGETHER]

    def find(self, version: Version, contents: Mapping[str, bytes]) -> dict[str, tuple[Leak, ...]]:
        """The secrets in the files beside a descriptor, by path in the folder; only of those that have some."""
        found: dict[str, tuple[Leak, ...]] = {}
        for local, file in version.files.items():
            if (leaks := self._known.get(file.oid)) is None:
                leaks = self._look(file, contents) if file.path in contents else ()
            if leaks:
                found[local] = leaks
        return found

    def _look(self, file: TreeFile, contents: Mapping[str, bytes]) -> tuple[Leak, ...]:
        leaks = find_leaks(contents[file.path])
        if file.oid:
            self._known[file.oid] = leaks
        return leaks


def _is_searched(file: TreeFile) -> bool:
    return file.size <= _MAX_SEARCHED and file.mode not in (SYMLINK, SUBMODULE)


def load_facts(repository: Repository, snapshot: Snapshot, leaks: Leaks | None = None) -> Snapshot:
    """The snapshot whose versions know what their local files say; `leaks` remembers what it has read before."""
    leaks = leaks or Leaks()
    local = {model: _local_files(version) for model, version in snapshot.versions.items()}
    texts = {m: {t: local[m][t] for t in text_targets(v) if t in local[m]} for m, v in snapshot.versions.items()}
    wanted = [file for files in texts.values() for file in files.values()]
    wanted += (file for version in snapshot.versions.values() for file in leaks.to_read(version))
    contents = repository.contents(wanted)
    weights = _Weights(repository)
    versions = {
        model: version.knowing(
            Facts(
                {target: contents[file.path] for target, file in texts[model].items()},
                weights.load({target: file for target, file in local[model].items() if is_weights(target)}),
                leaks={**version.facts.leaks, **leaks.find(version, contents)},
            )
        )
        for model, version in snapshot.versions.items()
    }
    return replace(snapshot, versions=versions)


def add_contents(version: Version, contents: Mapping[str, Content]) -> Version:
    """The version that also knows what these files say, by target; raises what reading them raises."""
    texts = {t: contents[t] for t in text_targets(version) if t in contents and contents[t].size <= MAX_TEXT}
    weights = {t: parse_weights(t, contents[t]) for t in weights_targets(version) if t in contents}
    found = {target: read for target, read in weights.items() if read is not None}
    return add_facts(version, Facts({target: text.read(0, text.size) for target, text in texts.items()}, found))


def add_facts(version: Version, more: Facts) -> Version:
    """The version that knows this too."""
    known = version.facts
    texts, weights = {**known.texts, **more.texts}, {**known.weights, **more.weights}
    return version.knowing(replace(known, texts=texts, weights=weights, answers={**known.answers, **more.answers}))


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


def _local_files(version: Version) -> dict[str, TreeFile]:
    """The files beside the descriptor by target; other rules speak of those that are no files, or too large."""
    found = ((target, version.files.get(local)) for target, local in version.locals.items())
    return {target: file for target, file in found if file is not None and _is_read(file)}


def _is_read(file: TreeFile) -> bool:
    is_file = file.size <= MAX_TEXT and file.mode not in (SYMLINK, SUBMODULE)
    return is_file and not (file.content is not None and is_lfs_pointer(file.content))


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
