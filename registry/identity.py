"""Names: of models, versions and targets, and the order of versions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from registry.finding import Place

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,126}[a-z0-9]"
VERSION_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9.+_-]{0,62}[A-Za-z0-9])?"
_NAME, _VERSION = re.compile(NAME_PATTERN), re.compile(VERSION_PATTERN)
_RESERVED_VERSIONS = frozenset({"status", "index", "latest", "files"})  # paths of the API under a model
_WINDOWS_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?")
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_HALVES = "\ud800-\udfff"  # of surrogate pairs; Python puts bytes of a file's name that are no UTF-8 into them
_NEVER_SEEN = "\ufeff\ufff9-\ufffb\ufffe\uffff"  # the byte order mark, marks of annotations, no characters at all
# C0, DEL and C1 except tab, line feed and carriage return; line and paragraph separator; bidirectional controls
UNPRINTABLE = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{_BIDI}{_HALVES}{_NEVER_SEEN}]")
_UNPRINTABLE_IN_NAME = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")


class ModelId(NamedTuple):
    """The two parts that name one version of a model."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


def parse_model_id(text: str) -> ModelId | None:
    """`NAME/VERSION` as a ModelId; None where it cannot be one."""
    name, slash, version = text.partition("/")
    if not slash or name_problem(name) or version_problem(version):
        return None
    return ModelId(name, version)


def name_problem(name: str) -> str | None:
    """What is wrong with a model's name; None if nothing."""
    if not _NAME.fullmatch(name):
        return "has 2 to 128 of `a-z 0-9 . _ -`, and starts and ends with a letter or digit"
    if ".." in name or name == "clone":
        return "holds no `..` and is not `clone`"
    return _device_problem(name)


def version_problem(version: str) -> str | None:
    """What is wrong with a version; None if nothing."""
    if not _VERSION.fullmatch(version):
        return "has 1 to 64 of `A-Z a-z 0-9 . + _ -`, and starts and ends with a letter or digit"
    if version.lower() in _RESERVED_VERSIONS:
        return f"is not `{version}`, which the API keeps for itself"
    return _device_problem(version)


@lru_cache(maxsize=4096)  # a few targets make up nearly all that are asked for
def target_problem(target: str) -> str | None:
    """What is wrong with a target; None if nothing."""
    if not 1 <= len(target) <= 512:
        return "has 1 to 512 characters"
    if _UNPRINTABLE_IN_NAME.search(target) or not target.isprintable():
        return "holds no control, bidirectional or unassigned characters"
    if unicodedata.normalize("NFC", target) != target:
        return "is in Unicode form NFC"
    if "\\" in target:
        return "separates folders with `/`, not with a backslash"
    return next(filter(None, map(_part_problem, target.split("/"))), None)


def plain_target(target: str) -> str | None:
    """The target that a path in another form stands for; None where there is none, or where it is one already."""
    path = unicodedata.normalize("NFC", target).replace("\\", "/").removeprefix("./")
    plain = "/".join(part.rstrip(". ") for part in path.split("/"))
    return plain if plain != target and target_problem(plain) is None else None


def _part_problem(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return "is a relative path without empty, `.` or `..` parts"
    if part[-1] in ". ":
        return "has no part that ends with a dot or a space"
    return _device_problem(part)


def _device_problem(part: str) -> str | None:
    return f"is not `{part}`, which Windows keeps for a device" if _WINDOWS_DEVICE.fullmatch(part) else None


def fold(text: str) -> str:
    """One spelling for all twins: case, `-` and `_`, and Unicode form do not count."""
    if text.isascii():
        return text.lower().replace("_", "-")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).replace("_", "-")


def alike(listing: str, folders: Iterable[str]) -> Iterator[str]:
    """Of paths between NULs those that, for a reader, are one of these folders or stand in it."""
    wanted = set(map(fold, folders))
    # All of it is folded at once: there may be many thousands of paths.
    for path, folded in zip(listing.split("\0"), fold(listing).split("\0"), strict=True):
        if folded in wanted or folded.rpartition("/")[0] in wanted:
            yield path


_RUN = re.compile(r"\d+|[A-Za-z]+")


def version_order(version: str) -> tuple[object, ...]:
    """The sort key of versions: numbers as numbers, `1.0rc1` < `1.0`, what follows `+` breaks ties."""
    public, _, local = version.partition("+")
    return (_runs(public), _runs(local), version)


# What follows a number ranks: letters directly after it, its absence, anything else; so `1.0rc1` < `1.0` < `1.0.1`.
_LETTERS, _END, _MORE = 0, 1, 2


_LONGEST = 64  # digits of any allowed version; more stand only in a folder's name that is refused, and sort somehow


def _runs(text: str) -> tuple[tuple[int, int, str], ...]:
    keys: list[tuple[int, int, str]] = []
    after_number_at = -1
    for run in _RUN.finditer(text):
        if run.group().isdigit():
            keys.append((_MORE, int(run.group()[:_LONGEST]), ""))
            after_number_at = run.end()
        else:
            rank = _LETTERS if run.start() == after_number_at else _MORE
            keys.append((rank, -1, run.group()))
    return (*keys, (_END, 0, ""))


def model_of(path: str, models: str) -> ModelId | None:
    """The version whose folder holds `path`; None outside of `models/<name>/<version>/`."""
    parts = path.removeprefix(f"{models}/").split("/", 2) if path.startswith(f"{models}/") else []
    return ModelId(parts[0], parts[1]) if len(parts) == 3 else None


Unit = ModelId | str  # what is judged by itself: a version, or a file outside of all versions by its path


def unit_of(path: str, models: str) -> Unit:
    """The version that a file belongs to; the file itself where it belongs to none."""
    return model_of(path, models) or path


def version_at(folder: str, models: str) -> ModelId | None:
    """The version whose folder this is; None for any other."""
    return model_of(f"{folder}/", models) if folder.count("/") == models.count("/") + 2 else None


def folder_of(model: ModelId, models: str) -> str:
    """`models/<name>/<version>`."""
    return f"{models}/{model.name}/{model.version}"


def descriptor_place(model: ModelId, models: str) -> Place:
    """The first character of the version's descriptor."""
    return Place(f"{folder_of(model, models)}/model.yaml")
