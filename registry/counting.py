"""How many parameters tensors hold: what a name, a type and a shape can tell, and nothing where they cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from registry.facts import Tensor

Tensors = Mapping[str, Tensor]

_FLOATS = frozenset(
    {"F64", "F32", "F16", "BF16", "F8_E5M2", "F8_E4M3", "F8_E5M2FNUZ", "F8_E4M3FNUZ", "C64"}
    | {"F6_E2M3", "F6_E3M2", "F4", "F8_E8M0"}
)
_NEVER_PACKED = frozenset({"BOOL", "I64", "U64"})  # no layout packs weights in these: masks, positions, counters
_INTEGERS = frozenset({"U8", "I8", "U16", "I16", "U32", "I32"})

# Last parts of names. Floats that are no parameters: what training does not move, and scales of quantized weights.
_FLOAT_BUFFERS = frozenset({"running_mean", "running_var", "inv_freq", "original_inv_freq", "masked_bias"})
_FLOAT_BUFFERS |= {"cos_cached", "sin_cached", "weight_scale", "weight_scale_inv", "input_scale", "output_scale"}
_FLOAT_BUFFERS |= {"k_scale", "v_scale", "weight_global_scale", "input_global_scale"}
_INTEGER_BUFFERS = frozenset({"position_ids", "token_type_ids", "num_batches_tracked", "relative_position_index"})
_MASKS = frozenset({"bias", "mask", "attn_mask", "attention_mask", "causal_mask"})
_PACKED_PARTS = ("qweight", "qzeros", "scales", "g_idx")


class Count(NamedTuple):
    """The parameters, and all floating-point numbers: with scales and buffers, as hubs show them."""

    params: int
    stored: int


def count_params(tensors: Tensors) -> Count | None:
    """What the tensors hold; None where a layout is not known for certain. Tied weights count as they are stored."""
    params = others = 0
    for counted in _counts(tensors):
        if counted is None:
            return None
        params, others = params + counted.params, others + counted.stored - counted.params
    return Count(params, params + others)


_NOTHING = Count(0, 0)


def _parameter(count: int) -> Count:
    return Count(count, count)


def _counts(tensors: Tensors) -> Iterator[Count | None]:
    for name, tensor in tensors.items():
        base, _, last = name.rpartition(".")
        if f"{base}.qweight" in tensors and last in _PACKED_PARTS:
            yield _count_gptq_or_awq(base, tensors) if last == "qweight" else _NOTHING
        elif f"{name}.absmax" in tensors:
            yield _count_4_bit(name, tensors)
        elif f"{base}.absmax" in tensors or f"{base.rpartition('.')[0]}.absmax" in tensors:
            yield _NOTHING  # its quantization: quant_map, nested_absmax, quant_state.bitsandbytes__nf4
        elif f"{base}.SCB" in tensors and last in ("weight", "SCB", "weight_format"):
            yield _count_8_bit(tensor) if last == "weight" else _NOTHING
        else:
            yield _count_plain(last, tensor)


def _count_plain(last: str, tensor: Tensor) -> Count | None:
    is_mask = last in _MASKS and tensor.shape[:2] == (1, 1) and len(tensor.shape) == 4  # GPT-2 once kept it in floats
    if tensor.dtype in _FLOATS:
        is_buffer = is_mask or last in _FLOAT_BUFFERS or tensor.dtype == "F8_E8M0"  # a type made for scales
        return Count(0, tensor.numbers) if is_buffer else _parameter(tensor.numbers)
    is_buffer = is_mask or last in _INTEGER_BUFFERS or not tensor.shape
    if tensor.dtype in _NEVER_PACKED or (tensor.dtype in _INTEGERS and is_buffer):
        return _NOTHING
    return None  # packed in a way that is not known here, or of a type that came later


def _count_gptq_or_awq(base: str, tensors: Tensors) -> Count | None:
    """Inputs × outputs of a layer whose weights stand several to an integer, along the inputs or the outputs."""
    parts = [tensors.get(f"{base}.{part}") for part in ("qweight", "qzeros", "scales")]
    shapes = [part.shape for part in parts if part is not None and len(part.shape) == 2 and part.numbers]
    if len(shapes) != 3:
        return None
    (rows, columns), (groups, packed), (scales, outputs) = shapes
    if scales != groups or 32 * packed not in [bits * outputs for bits in (2, 3, 4, 8)]:
        return None
    if columns == packed:  # AWQ
        return _parameter(rows * outputs)
    inputs, rest = divmod(rows * outputs, packed)
    order = tensors.get(f"{base}.g_idx")
    is_gptq = columns == outputs and rest == 0 and (order is None or order.shape == (inputs,))
    return _parameter(inputs * outputs) if is_gptq else None


def _count_4_bit(name: str, tensors: Tensors) -> Count | None:
    """Two to a byte, whatever type the bytes are kept in, where bitsandbytes says that they are."""
    is_known = any(f"{name}.quant_state.bitsandbytes__{kind}" in tensors for kind in ("nf4", "fp4"))
    return _parameter(tensors[name].size * 2) if is_known else None


def _count_8_bit(tensor: Tensor) -> Count | None:
    return _parameter(tensor.numbers) if tensor.dtype == "I8" else None
