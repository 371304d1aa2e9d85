"""Mistakes that a file in git cannot show well: each is made in a copy of the rule's valid tree."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from tests.build import git

Maker = Callable[[Path], object]  # is given the folder of the version


def _descriptor(change: Callable[[bytes], bytes]) -> Maker:
    def make(version: Path) -> None:
        file = version / "model.yaml"
        file.write_bytes(change(file.read_bytes()))

    return make


def _description(text: bytes) -> Maker:
    return _descriptor(lambda data: data.replace(b"A tiny encoder.", text))


def _conflict(data: bytes) -> bytes:
    ours = b"  description: A tiny encoder.\n"
    return data.replace(ours, b"<<<<<<< HEAD\n" + ours + b"=======\n  description: A small encoder.\n>>>>>>> topic\n")


def _pointer(version: Path) -> None:
    oid = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 566856\n"
    (version / "model.bin").write_text(pointer)


def _large_file(version: Path) -> None:
    with (version / "model.bin").open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)


def _submodule(version: Path) -> None:
    module = version / "vendored"
    module.mkdir()
    git(module, "init", "--quiet")
    git(module, "commit", "--quiet", "--allow-empty", "--message=vendored")


def _symlink(version: Path) -> None:
    (version / "model.bin").unlink()
    (version / "model.bin").symlink_to("../../../pyproject.toml")


def _weights(change: Callable[[bytes], bytes]) -> Maker:
    def make(version: Path) -> None:
        file = next(version.glob("model.[sb]*"))  # safetensors or bin
        file.write_bytes(change(file.read_bytes()))

    return make


MADE: dict[str, Maker] = {
    "byte-order-mark": _descriptor(lambda data: b"\xef\xbb\xbf" + data),
    "conflict-marker": _descriptor(_conflict),
    "control-character": _description("A tiny \u202eredocne.".encode()),
    "descriptor-too-large": _descriptor(lambda data: data + b"#" * (256 * 1024 - len(data)) + b"\n"),
    "invalid-utf8": _descriptor(lambda data: data.decode().encode("latin-1")),
    "lfs-pointer": _pointer,
    "local-file-too-large": _large_file,
    "pickle-runs-code": _weights(lambda _: b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."),
    "pickled-weights": _weights(lambda _: pickle.dumps(OrderedDict(bias=[0.5]), protocol=2)),
    "submodule": _submodule,
    "symlink": _symlink,
    "weights-truncated": _weights(lambda data: data[:-100]),
    "weights-unreadable": _weights(lambda data: data + b"<html>"),
}
