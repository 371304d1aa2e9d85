"""Which paths storage takes: the last defence, behind the rules for targets."""

from __future__ import annotations

from registry.errors import StorageError

OWN = ".registry/"  # the ledger's corner: listed only when asked for by name


def check_path(path: str) -> str:
    """The same path, when it is relative and names one file below the root; else StorageError."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or any(char in path for char in "\\\0"):
        raise StorageError(f"storage does not take the path {path!r}")
    if ":" in parts[0][1:2]:
        raise StorageError(f"storage does not take the path {path!r}: it starts with a drive")
    return path


def is_listed(path: str, prefix: str) -> bool:
    """Whether `list(prefix)` shows this path."""
    return path.startswith(prefix) and (prefix.startswith(OWN) or not path.startswith(OWN))
