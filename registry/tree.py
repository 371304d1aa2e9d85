"""Files as a tree of git lists them."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import NamedTuple

from registry.errors import RepositoryError

DESCRIPTOR = "model.yaml"
SYMLINK, SUBMODULE = "120000", "160000"
# Git's id of a tree without anything, by the length of its ids: of sha1 and of sha256.
NO_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
MAX_BYTES = 256 * 1024  # of a descriptor
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_POINTER_BYTES = 1024  # a Git LFS pointer is smaller than this: git-lfs(7)


class TreeFile(NamedTuple):
    """One file of a tree; `content` is gathered where a rule reads it: descriptors, and files of a pointer's size."""

    path: str  # in the repository
    mode: str  # git's, octal digits
    oid: str  # git's id of the bytes; empty in the working tree
    size: int  # bytes
    content: bytes | None = None


def is_read(file: TreeFile) -> bool:
    """Whether rules want the content: of a descriptor that is not too long, and of what may be a pointer."""
    if file.mode in (SYMLINK, SUBMODULE):
        return False
    return file.size <= _POINTER_BYTES or (file.size <= MAX_BYTES and file.path.endswith(f"/{DESCRIPTOR}"))


def file_on_disk(root: Path, path: str) -> TreeFile | None:
    """What stands at a path in the working tree, as git would list it; None for nothing."""
    place = root / path
    try:
        status = place.lstat()
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise RepositoryError(f"{path} cannot be read: {error.strerror}", hint="see who may read it") from error
    if stat.S_ISLNK(status.st_mode):
        return TreeFile(path, SYMLINK, "", status.st_size)
    if not stat.S_ISREG(status.st_mode):
        return TreeFile(path.rstrip("/"), SUBMODULE, "", 0)  # git ends the path of a nested repository with `/`
    return TreeFile(path, "100644", "", status.st_size)
