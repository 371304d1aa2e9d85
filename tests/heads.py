"""Weights made by hand, and versions judged with what their files say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.checks import check_snapshot
from registry.evidence import load_facts
from registry.facts import Content, Safetensors, Tensor
from registry.finding import Finding
from registry.policy import Policy
from registry.repository import Repository
from tests.build import a_descriptor, a_repository, a_version, write

BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I8": 1, "U8": 1, "BOOL": 1}


def a_header(entries: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A safetensors file with any header."""
    header = json.dumps(entries).encode()
    return len(header).to_bytes(8, "little") + header + data


def a_safetensors(**tensors: tuple[str, list[int]]) -> bytes:
    """A safetensors file of zeros; `__` stands for a dot."""
    entries, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + BYTES[dtype] * a_tensor(dtype, *shape).numbers
        entries[name.replace("__", ".")] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    return a_header(entries, bytes(end))


def a_tensor(dtype: str, *shape: int) -> Tensor:
    """A tensor as a header describes it."""
    tensor = Tensor(dtype, shape, 0)
    return tensor._replace(size=tensor.numbers * BYTES[dtype])


def content_of(data: bytes) -> Content:
    """Bytes as a file that is read by ranges."""
    return Content(len(data), lambda offset, length: data[offset : offset + length])


def tensors_of(weights: object) -> Mapping[str, Tensor]:
    """The tensors of what was read."""
    assert isinstance(weights, Safetensors)
    return weights.tensors


def judged(folder: Path, files: Mapping[str, bytes], **changes: Any) -> list[Finding]:
    """All that is wrong with a version that has these files beside those of every test."""
    changes |= {"model_files__" + name: f"./{name}" for name in files}
    repository = a_repository(folder)
    write(repository, "tiny/1.0", a_version(a_descriptor(**changes)) | dict(files))
    opened = Repository(repository)
    snapshot = load_facts(opened, opened.working_snapshot("models"))
    return check_snapshot(snapshot, Policy(), snapshot.versions)
