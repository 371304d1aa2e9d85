"""Weights and configurations: what their heads say, and what a contributor reads of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.counting import Count, count_params
from registry.facts import Content, Damaged, Safetensors
from registry.weights import parse_index, parse_safetensors, parse_weights, read_type
from tests.heads import a_header, a_safetensors, a_tensor, content_of, judged, tensors_of

ROOT = Path(__file__).parent.parent.parent
VARIANTS = ROOT / "tests" / "weights"
SHARDS = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
INDEX = "model.safetensors.index.json"
PAIR = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
ONE, TWO = a_safetensors(one=("F32", [3])), a_safetensors(two=("F32", [3, 2]))
PLACES = json.dumps({"weight_map": {"one": PAIR[0], "two": PAIR[1]}}).encode()


def read(file: Path) -> object:
    """What a weights file on disk says."""
    return parse_weights(file.name, content_of(file.read_bytes()))


def found(folder: Path, files: dict[str, bytes], **changes: Any) -> list[tuple[str, str]]:
    """Rule and field of each finding."""
    return [(finding.rule, finding.field) for finding in judged(folder, files, **changes)]


@pytest.mark.parametrize(
    ("file", "params"),
    [
        ("models/zen-bert/1.0/model.safetensors", 112_960),
        ("models/zen-gpt2/1.0/model.safetensors", 141_056),
        ("models/zen-gpt2/1.1/model.safetensors", 191_040),
        ("models/zen-t5/1.0/model.safetensors", 197_440),
        ("tests/weights/variant-bf16/model.safetensors", 141_056),
    ],
)
def test_a_header_tells_how_many_parameters_there_are(file: str, params: int) -> None:
    assert count_params(tensors_of(read(ROOT / file))) == (params, params)


def test_shards_hold_the_parameters_of_the_whole_and_what_their_index_says() -> None:
    folder = VARIANTS / "variant-sharded"
    held = {name: tensors_of(read(folder / name)) for name in SHARDS}
    assert count_params({key: tensor for shard in held.values() for key, tensor in shard.items()}) == (141_056,) * 2
    index = parse_index((folder / INDEX).read_bytes())
    assert index == {tensor: shard for shard, tensors in held.items() for tensor in tensors}


def test_only_the_header_is_read() -> None:
    data = (VARIANTS / "variant-bf16" / "model.safetensors").read_bytes()
    end = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal end
        end = max(end, offset + length)
        return data[offset : offset + length]

    assert isinstance(parse_safetensors(Content(len(data), read_range)), Safetensors)
    assert end == 8 + int.from_bytes(data[:8], "little")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "truncated"),
        (b"\x10\0\0", "truncated"),
        (ONE[:20], "truncated"),
        (ONE[:-1], "truncated"),
        (ONE + b"\0", "unreadable"),
        (b"<!DOCTYPE html><html></html>", "unreadable"),
        (b"\x04\0\0\0\0\0\0\0null", "unreadable"),
        (b"\x04\0\0\0\0\0\0\0{\xff\xff}", "unreadable"),
        (a_header({"a": None}), "unreadable"),
        (a_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)), "unreadable"),
        (a_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)), "unreadable"),
        (a_header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)), "unreadable"),
        (a_header({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, bytes(4)), "unreadable"),
        (a_header({"a": {"dtype": "F32", "shape": [2**62] * 65, "data_offsets": [0, 4]}}, bytes(4)), "unreadable"),
        ((100_000).to_bytes(8, "little") + b"[" * 100_000, "unreadable"),
        ((9_000).to_bytes(8, "little") + b'{"a":' + b"9" * 8_994 + b"}", "unreadable"),
    ],
)
def test_a_file_that_nobody_can_load_is_damaged(data: bytes, problem: str) -> None:
    damaged = parse_weights("model.safetensors", content_of(data))
    assert isinstance(damaged, Damaged)
    assert damaged.problem == problem


def test_metadata_and_a_type_of_tomorrow_are_no_damage() -> None:
    entries = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F2", "shape": [3], "data_offsets": [0, 1]}}
    assert count_params(tensors_of(parse_safetensors(content_of(a_header(entries, b"\0"))))) is None


WEIGHT = a_tensor("BF16", 8, 4)


@pytest.mark.parametrize(
    ("others", "count"),
    [
        ({}, Count(32, 32)),
        ({"embeddings.position_ids": a_tensor("I64", 1, 512)}, Count(32, 32)),
        ({"embeddings.token_type_ids": a_tensor("I32", 1, 512)}, Count(32, 32)),
        ({"norm.num_batches_tracked": a_tensor("I64")}, Count(32, 32)),
        ({"h.0.attn.bias": a_tensor("U8", 1, 1, 9, 9)}, Count(32, 32)),
        ({"h.0.attn.bias": a_tensor("F32", 1, 1, 9, 9), "h.0.attn.masked_bias": a_tensor("F32")}, Count(32, 114)),
        ({"norm.running_mean": a_tensor("F32", 8)}, Count(32, 40)),
        ({"fc.weight": a_tensor("F8_E4M3", 4, 4), "fc.weight_scale_inv": a_tensor("F32", 1, 1)}, Count(48, 49)),
        ({"fc.weight": a_tensor("I8", 4, 4), "fc.SCB": a_tensor("F32", 4)}, Count(48, 48)),
        ({"fc.weight": a_tensor("I8", 4, 4)}, None),
        ({"fc.weight_packed": a_tensor("I32", 4, 4)}, None),
        ({"fc_blocks": a_tensor("U8", 4, 1, 16), "fc_scales": a_tensor("U8", 4, 1)}, None),
    ],
)
def test_parameters_are_what_training_moves(others: dict[str, Any], count: Count | None) -> None:
    assert count_params({"embed.weight": WEIGHT, **others}) == count


def packed(qweight: tuple[int, int], qzeros: tuple[int, int], scales: tuple[int, int], **more: Any) -> Count | None:
    """The count of one layer, 128 → 64, whose weights stand in integers."""
    parts = {
        "qweight": a_tensor("I32", *qweight),
        "qzeros": a_tensor("I32", *qzeros),
        "scales": a_tensor("F16", *scales),
    }
    return count_params({f"fc.{part}": tensor for part, tensor in (parts | more).items()})


def test_packed_layers_count_what_they_stand_for_where_that_is_certain() -> None:
    whole = Count(128 * 64, 128 * 64)
    assert packed((16, 64), (2, 8), (2, 64)) == whole  # GPTQ, 4 bits
    assert packed((16, 64), (2, 8), (2, 64), g_idx=a_tensor("I32", 128)) == whole
    assert packed((32, 64), (2, 16), (2, 64)) == whole  # GPTQ, 8 bits
    assert packed((128, 8), (2, 8), (2, 64)) == whole  # AWQ
    assert packed((16, 64), (2, 8), (2, 64), g_idx=a_tensor("I32", 100)) is None
    assert packed((16, 64), (2, 7), (2, 64)) is None
    assert packed((16, 60), (2, 8), (2, 64)) is None


def test_four_bits_count_twice_for_a_byte() -> None:
    parts = {"": a_tensor("U8", 512, 1), ".absmax": a_tensor("U8", 16), ".quant_map": a_tensor("F32", 16)}
    state = {".quant_state.bitsandbytes__nf4": a_tensor("U8", 99), ".nested_absmax": a_tensor("F32", 1)}
    assert count_params({f"fc.weight{key}": tensor for key, tensor in (parts | state).items()}) == (1024, 1024)
    assert count_params({f"fc.weight{key}": tensor for key, tensor in parts.items()}) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "SEQ2SEQ"),
        ({"architectures": ["T5WithLMHeadModel"], "is_encoder_decoder": True}, "SEQ2SEQ"),
        ({"is_encoder_decoder": True}, "SEQ2SEQ"),
        ({"architectures": ["BartForCausalLM"], "is_encoder_decoder": True}, "DECODER"),
        ({"architectures": ["T5EncoderModel"], "is_encoder_decoder": True}, "ENCODER"),
        ({"architectures": ["T5ForTokenClassification"], "is_encoder_decoder": True}, None),
        ({"architectures": ["GPT2LMHeadModel"]}, "DECODER"),
        ({"architectures": ["MistralForCausalLM"]}, "DECODER"),
        ({"architectures": ["BertModel"], "is_decoder": True}, "DECODER"),
        ({"architectures": ["BertForMaskedLM"]}, "ENCODER"),
        ({"architectures": ["BertForMaskedLM"], "is_decoder": True}, None),
        ({"architectures": ["XLMWithLMHeadModel"]}, None),
        ({"architectures": ["BertModel"]}, None),
        ({"architectures": ["BertForMaskedLM", "BertLMHeadModel"]}, None),
        ({"architectures": ["BertForMaskedLM", None]}, None),
        ({"architectures": "BertForMaskedLM"}, None),
        ({"is_encoder_decoder": "true"}, None),
        ([], None),
    ],
)
def test_a_configuration_tells_the_type_where_that_is_certain(config: Any, expected: str | None) -> None:
    reading = read_type(json.dumps(config).encode())
    assert (reading and reading.type) == expected


@pytest.mark.parametrize(
    ("claimed", "rule"), [(1000, None), (990, "near"), (1010, "near"), (989, "wrong"), (1011, "wrong"), (1, "wrong")]
)
def test_a_number_is_right_or_near_or_wrong(tmp_path: Path, claimed: int, rule: str | None) -> None:
    files = {"model.safetensors": a_safetensors(weight=("F16", [100, 10]), position_ids=("I64", [7]))}
    judgement = found(tmp_path, files, model_metainfo__num_params=claimed)
    assert judgement == ([(f"num-params-{rule}", "model_metainfo.num_params")] if rule else [])


def test_a_number_with_the_buffers_in_it_is_the_one_that_hubs_show(tmp_path: Path) -> None:
    files = {"model.safetensors": a_safetensors(fc__weight=("F32", [9]), h__attn__bias=("F32", [1, 1, 5, 5]))}
    assert found(tmp_path, files, model_metainfo__num_params=34) == []


def test_a_number_is_judged_in_a_descriptor_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    changes = {"model_metainfo__output_description": None, "model_metainfo__num_params": 4}
    rules = [rule for rule, _ in found(tmp_path, {"model.safetensors": ONE}, **changes)]
    assert sorted(rules) == ["missing-key", "num-params-wrong"]


@pytest.mark.parametrize(
    "files",
    [
        {"model.safetensors": ONE, "other.safetensors": TWO},
        {"adapter_model.safetensors": ONE},
        {"model.safetensors": a_safetensors(fc__weight=("I8", [3]))},
        {"model.safetensors": a_safetensors(position_ids=("I64", [3]))},
    ],
)
def test_nothing_is_said_of_a_number_that_cannot_be_known(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert found(tmp_path, files, model_metainfo__num_params=5) == []


def test_weights_in_two_types_of_number_are_one_model(tmp_path: Path) -> None:
    files = {"model.safetensors": ONE, "model.fp16.safetensors": a_safetensors(one=("F16", [3]))}
    assert found(tmp_path / "right", files, model_metainfo__num_params=3) == []
    wrong = [("num-params-wrong", "model_metainfo.num_params")]
    assert found(tmp_path / "wrong", files, model_metainfo__num_params=6) == wrong


@pytest.mark.parametrize("index", [{}, {INDEX: PLACES}])
def test_shards_count_together(tmp_path: Path, index: dict[str, bytes]) -> None:
    assert found(tmp_path, {**dict(zip(PAIR, (ONE, TWO), strict=True)), **index}) == []


@pytest.mark.parametrize("index", [{}, {INDEX: PLACES}])
def test_a_shard_that_is_missing_is_missed(tmp_path: Path, index: dict[str, bytes]) -> None:
    blamed = INDEX if index else PAIR[0]
    (finding,) = judged(tmp_path, {PAIR[0]: ONE, **index})
    assert (finding.rule, finding.field) == ("weights-shard-missing", f"model_files.{blamed}")
    assert f"`{PAIR[1]}`" in finding.message


def test_a_shard_has_the_tensors_that_the_index_names(tmp_path: Path) -> None:
    files = {PAIR[0]: ONE, PAIR[1]: a_safetensors(three=("F32", [6])), INDEX: PLACES}
    assert found(tmp_path, files) == [("weights-shard-missing", f"model_files.{PAIR[1]}")]


def test_a_truncated_shard_and_an_index_that_is_none_are_found(tmp_path: Path) -> None:
    files = {PAIR[0]: ONE, PAIR[1]: TWO[:-1], INDEX: b"{}"}
    assert found(tmp_path, files) == [
        ("weights-truncated", f"model_files.{PAIR[1]}"),
        ("weights-unreadable", f"model_files.{INDEX}"),
    ]


def test_the_type_is_that_of_the_configuration_on_top(tmp_path: Path) -> None:
    decoder, encoder = ({"architectures": [name]} for name in ("GPT2LMHeadModel", "BertForMaskedLM"))
    files = {"config.json": json.dumps(decoder).encode(), "pooling/config.json": json.dumps(encoder).encode()}
    (finding,) = judged(tmp_path, files)
    assert (finding.rule, finding.field, finding.fix) == ("type-contradicts-config", "model_config.type", "DECODER")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "U8", "F4", "F6_E2M3", "I64", "X"]) | JSON,
        "shape": st.lists(st.integers(-1, 9) | st.just(2**63)) | JSON,
        "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | JSON,
    },
)


@given(st.dictionaries(st.text(), ENTRY | JSON), st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_header_is_read_or_damaged(entries: dict[str, Any], data: bytes) -> None:
    weights = parse_safetensors(content_of(a_header(entries, data)))
    count = count_params(weights.tensors) if isinstance(weights, Safetensors) else None
    assert count is None or 0 <= count.params <= count.stored


@given(st.binary())
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_damaged(data: bytes) -> None:
    assert parse_weights("a.safetensors", content_of(data)) is not None
    parse_index(data)
    read_type(data)


PARTS = ["weight", "qweight", "qzeros", "scales", "g_idx", "SCB", "weight_format", "weight.absmax", "bias"]
TENSORS = st.builds(a_tensor, st.sampled_from(["F32", "I32", "U8", "I8", "I64"]), *[st.integers(0, 9)] * 2)


@given(st.dictionaries(st.sampled_from([*PARTS, *(f"fc.{part}" for part in PARTS)]), TENSORS))
def test_any_tensors_are_counted_or_unknown(tensors: dict[str, Any]) -> None:
    count = count_params(tensors)
    assert count is None or 0 <= count.params <= count.stored


@given(JSON)
def test_any_json_is_a_configuration_or_none(value: Any) -> None:
    data = json.dumps(value).encode()
    parse_index(data)
    assert read_type(data) is None or "architectures" in value or "is_" in data.decode()
