"""Weights as their heads describe them: safetensors headers, indices of shards, config.json. Only parsing, no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from registry.facts import Content, Damaged, Safetensors, Tensor, Weights

SAFETENSORS = ".safetensors"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
INDEX = ".index.json"

_MAX_HEADER = 100_000_000  # bytes; the format's own reader refuses longer ones
_MAX_READ = 16 * 1024 * 1024  # bytes of a header: JSON takes thirty times as much in memory
_MAX_DIMENSIONS = 64  # torch's own limit
_MAX_DIMENSION = 2**63 - 1
_LENGTH = 8  # bytes of the header's length
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E5M2FNUZ", "F8_E4M3FNUZ", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


class _HeaderError(Exception):
    """The header is not one; the message follows the file's name."""


def is_weights(target: str) -> bool:
    """Whether a target's name is one that weights have."""
    return target.lower().endswith((SAFETENSORS, *PICKLED))


def is_safetensors(target: str) -> bool:
    """Whether a target's name is that of a safetensors file."""
    return target.lower().endswith(SAFETENSORS)


def parse_weights(target: str, content: Content) -> Weights | None:
    """What a weights file says; None where its bytes are of none of the known kinds."""
    from registry.pickles import parse_pickle  # its patterns take their time, and most versions hold no weights

    if not is_safetensors(target):
        return parse_pickle(content)
    found = parse_safetensors(content)
    return (parse_pickle(content) or found) if isinstance(found, Damaged) else found


def parse_safetensors(content: Content) -> Safetensors | Damaged | None:
    """The tensors of a safetensors file, from its header alone; None where that is too long to be read here."""
    length = int.from_bytes(content.read(0, _LENGTH), "little")
    if content.size < _LENGTH:
        return Damaged("truncated", f"has {_bytes(content.size)}, too few for the length of a header")
    if length > _MAX_HEADER:
        return Damaged("unreadable", "does not begin with the length of a safetensors header")
    begin = _LENGTH + length
    if begin > content.size:
        return Damaged("truncated", f"has {_bytes(content.size)}, and its header alone ends at {begin:,}")
    if length > _MAX_READ:
        return None
    try:
        placed = _parse_header(content.read(_LENGTH, length))
        return _check_layout(placed, content.size - begin)
    except _HeaderError as error:
        return Damaged("unreadable", str(error))


def parse_index(data: bytes) -> Mapping[str, str] | None:
    """Tensor → shard, from an index of shards; None where it is none."""
    index = _parse_json(data)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        return None
    return shards


class _Placed(NamedTuple):
    name: str
    tensor: Tensor
    begin: int  # in the data after the header
    end: int


def _parse_header(data: bytes) -> list[_Placed]:
    header = _parse_json(data)
    if not data.startswith(b"{") or not isinstance(header, dict):
        raise _HeaderError("has a header that is not a JSON object")
    return [_parse_tensor(name, entry) for name, entry in header.items() if name != "__metadata__"]


def _parse_tensor(name: str, entry: Any) -> _Placed:
    entry = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or not _are_numbers(shape) or not _are_numbers(offsets) or len(offsets) != 2:
        raise _HeaderError(f"has a header that does not describe the tensor {quoted(name)}")
    tensor = Tensor(dtype, tuple(shape), offsets[1] - offsets[0])
    bits = _BITS.get(dtype)
    if tensor.size < 0 or (bits is not None and tensor.numbers * bits != tensor.size * 8):
        raise _HeaderError(f"has a header in which shape and bytes of the tensor {quoted(name)} do not fit")
    return _Placed(name, tensor, offsets[0], offsets[1])


def _are_numbers(value: Any) -> bool:
    is_list = isinstance(value, list) and len(value) <= _MAX_DIMENSIONS
    return is_list and all(type(item) is int and 0 <= item <= _MAX_DIMENSION for item in value)


def _check_layout(tensors: list[_Placed], size: int) -> Safetensors | Damaged:
    """The tensors, if they fill the data without holes, as the format wants it."""
    end = 0
    for placed in sorted(tensors, key=lambda p: (p.begin, p.end)):
        if placed.begin != end:
            raise _HeaderError(f"has a hole or an overlap before the tensor {quoted(placed.name)}")
        end = placed.end
    if end > size:
        return Damaged("truncated", f"ends {_bytes(end - size)} before its last tensor does")
    if end < size:
        raise _HeaderError(f"goes on for {_bytes(size - end)} after its last tensor")
    return Safetensors({placed.name: placed.tensor for placed in tensors})


class Reading(NamedTuple):
    """The type that a configuration means, and what in it says so."""

    type: str
    reason: str


_ENCODER_ONLY = re.compile(r".*EncoderModel")
_CAUSAL = re.compile(
    r".*ForCausalLM|(?!.*XLNet).*(?<!With)LMHeadModel"
)  # XLM and Flaubert have masked `WithLMHeadModel`
_MASKED = re.compile(r".*ForMaskedLM")
_MAY_LEAVE_OUT_THE_DECODER = re.compile(r".*For(?:Token|Audio|Image)Classification")


def read_type(data: bytes) -> Reading | None:
    """The type of a model by its config.json; None where that cannot be known for certain."""
    config = _parse_json(data)
    names = config.get("architectures") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(names or [], list):
        return None
    readings = [_read_architecture(config, name if isinstance(name, str) else "") for name in (names or [""])]
    return readings[0] if len({reading and reading.type for reading in readings}) == 1 else None


def _read_architecture(config: Mapping[str, Any], name: str) -> Reading | None:
    by_name, is_decoder = f"its architecture is {quoted(name)}", config.get("is_decoder") is True
    if _ENCODER_ONLY.fullmatch(name):  # also of a model like T5, whose configuration still speaks of a decoder
        return Reading("ENCODER", by_name)
    if _CAUSAL.fullmatch(name):
        is_whole = config.get("is_encoder_decoder") is True and not name.endswith("ForCausalLM")
        return Reading("SEQ2SEQ", "`is_encoder_decoder` is true") if is_whole else Reading("DECODER", by_name)
    if config.get("is_encoder_decoder") is True:
        is_open = _MAY_LEAVE_OUT_THE_DECODER.fullmatch(name)
        return None if is_open else Reading("SEQ2SEQ", "`is_encoder_decoder` is true")
    if _MASKED.fullmatch(name):
        return None if is_decoder else Reading("ENCODER", by_name)
    return Reading("DECODER", "`is_decoder` is true") if is_decoder else None


def _parse_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def quoted(name: str) -> str:
    """A name from a stranger's file, short and on one line."""
    plain = "".join(c for c in name if c.isprintable() and c != "`")
    return f"`{plain if len(plain) <= 60 else plain[:57] + '…'}`"


def _bytes(count: int) -> str:
    return f"{count:,} byte{'' if count == 1 else 's'}"
