"""Files of the working tree: read as they are, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from registry.errors import DescriptorError


def read_file(place: Path) -> bytes:
    """The bytes of a small file; raises DescriptorError, also for a link."""
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            hint = "put a file of its own there"
            raise DescriptorError(f"{place.name} is no plain file", hint=hint)
        return place.read_bytes()
    except OSError as error:
        raise DescriptorError(f"{place.name} cannot be read: {error.strerror}") from error


def write_file(place: Path, data: bytes, is_right: Callable[[bytes], bool]) -> None:
    """Give a file other bytes, in one step and with its mode; raises DescriptorError and leaves it alone.

    `is_right` is asked about the bytes as they came back from the disk.
    """
    read_file(place)  # a link would give way to a file
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if not is_right(temporary.read_bytes()):
                raise DescriptorError(
                    f"{place.name} is left alone, since it would not say what it should: a bug of ours"
                )
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DescriptorError(f"{place.name} cannot be written: {error.strerror}") from error
