"""Files: what lies under the models' folder is what it seems, and belongs to a descriptor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry.finding import Finding, Place
from registry.identity import ModelId, fold, folder_of
from registry.policy import Policy
from registry.snapshot import Snapshot, Version
from registry.tree import DESCRIPTOR, SUBMODULE, SYMLINK, TreeFile
from registry.yaml12 import is_lfs_pointer

MAX_LOCAL = 10 * 1024 * 1024
MAX_INDEX_PAGE = 1024 * 1024


def check_kinds(version: Version, _: Policy) -> Iterator[Finding]:
    """Each file is a file: no symlink, no submodule, no pointer to Git LFS."""
    yield from filter(None, map(_kind_finding, version.files.values()))


def _kind_finding(file: TreeFile) -> Finding | None:
    place = Place(file.path)
    if file.mode == SYMLINK:
        return place.finding("symlink", "this is a symbolic link. Put the file itself in its place")
    if file.mode == SUBMODULE:
        return place.finding("submodule", "this is a submodule. Put the files themselves in its place")
    if file.content is not None and is_lfs_pointer(file.content):
        message = "this is a Git LFS pointer, not the file. Take it out of LFS, or give its URL as a remote source"
        return place.finding("lfs-pointer", message)
    return None


def check_sizes(version: Version, _: Policy) -> Iterator[Finding]:
    """A file beside the descriptor is small enough for git, and the index page for a reader."""
    page = version.text("model_metainfo", "index_page_file")
    for target, local in version.locals.items():
        file = version.files.get(local)
        limit = MAX_INDEX_PAGE if target == page else MAX_LOCAL
        if file is not None and file.size > limit:
            advice = "Shorten the page" if target == page else "Give it as a remote source"
            message = f"`{local}` has {file.size:,} bytes; at most {limit:,} may stand in git. {advice}"
            yield version.place("model_files", target).finding("local-file-too-large", message, found=str(file.size))


def check_nothing_is_left_over(version: Version, _: Policy) -> Iterator[Finding]:
    """Each file beside the descriptor is the source of a target; of a removed version nothing is left."""
    used = set(version.locals.values())
    if version.node is None or (version.removal is None and not version.keys("model_files")):
        return  # what is wrong with the descriptor is said elsewhere
    for local, file in version.files.items():
        if local not in used and file.mode != SUBMODULE:
            advice = f"Name it in `model_files` as `./{local}`, or take it out" if used else "Take it out"
            message = f"this file belongs to no target of {version.id}. {advice}"
            yield Place(file.path).finding("stray-file", message)


CHECKS = (check_kinds, check_sizes, check_nothing_is_left_over)


def check_no_strays(snapshot: Snapshot) -> Iterator[Finding]:
    """Nothing stands under the models' folder outside of `<name>/<version>/`."""
    for file in snapshot.strays:
        yield _kind_finding(file) or Place(file.path).finding("stray-file", _stray_message(file, snapshot.models))


def _stray_message(file: TreeFile, models: str) -> str:
    if file.path.rsplit("/", 1)[-1] == DESCRIPTOR:
        return f"a descriptor stands at `{models}/<name>/<version>/{DESCRIPTOR}`. Move it there"
    return f"this file belongs to no version. Move it into `{models}/<name>/<version>/`, or take it out"


def check_no_twins(judged: Iterable[ModelId], names: Iterable[ModelId], models: str) -> Iterator[Finding]:
    """No two names, and no two versions of one model, are one for a reader or a file system.

    `names` are those that the tree holds; of a model without a version in `judged` the name alone is enough.
    """
    models_judged = list(judged)
    judged_names = {model.name for model in models_judged}
    folded_names = set(map(fold, judged_names))
    known: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for name, version in names:
        if (folded := fold(name)) in folded_names:
            known.setdefault((folded,), set()).add((name,))
        if name in judged_names:
            known.setdefault((name, fold(version)), set()).add((name, version))
    twins = {key: sorted(alike) for key, alike in known.items() if len(alike) > 1}
    for model in models_judged:
        for key, own in ((fold(model.name),), (model.name,)), ((model.name, fold(model.version)), tuple(model)):
            if twin := next((other for other in twins.get(key, ()) if other != own), None):
                yield _twin(model, "/".join(own), "/".join(twin), models)


def _twin(model: ModelId, own: str, twin: str, models: str) -> Finding:
    message = f"`{own}` and `{twin}` differ only in case, in `-` and `_`, or in Unicode form. Rename one of the two"
    return Place(f"{folder_of(model, models)}/{DESCRIPTOR}").finding("twin", message, found=own)
