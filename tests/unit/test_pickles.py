"""Pickles: recognised and walked, never loaded."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.facts import Content, Damaged, Pickle
from registry.pickles import parse_pickle
from tests.heads import content_of, judged

VARIANT = Path(__file__).parent.parent / "weights" / "variant-bin" / "pytorch_model.bin"
CALL = b"cos\nsystem\n(S'true'\ntR"
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
HARMLESS, UNSAFE = Pickle(), Pickle(("os.system",))


class Calling:
    """Its pickle calls a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1",)


def read(data: bytes) -> object:
    """What a pickle says."""
    return parse_pickle(content_of(data))


def a_zip(**members: bytes) -> bytes:
    """An archive as torch writes it; `__` stands for a dot."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"archive/{name.replace('__', '.')}", data)
    return kept.getvalue()


def test_weights_as_torch_saves_them_are_a_harmless_pickle() -> None:
    assert read(VARIANT.read_bytes()) == HARMLESS


def test_of_an_archive_only_its_pickle_and_its_list_of_files_are_read() -> None:
    data, read_bytes = VARIANT.read_bytes(), 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal read_bytes
        read_bytes += length
        return data[offset : offset + length]

    assert parse_pickle(Content(len(data), read_range)) == HARMLESS
    assert read_bytes < len(data) / 4


@pytest.mark.parametrize("protocol", range(6))
def test_each_protocol_is_recognised_with_what_it_calls(protocol: int) -> None:
    module = "__builtin__" if protocol < 3 else "builtins"
    assert read(pickle.dumps({"weights": [0.5, Calling()]}, protocol)) == Pickle((f"{module}.eval",))
    assert read(pickle.dumps(OrderedDict(weights=[0.5, 1]), protocol)) == HARMLESS
    assert read(pickle.dumps({"weights": [0.5, 1]}, protocol)) == HARMLESS


@pytest.mark.parametrize(
    "data",
    [
        CALL + b".",
        b"\x80\x02" + CALL + b".",
        b"\x80\x02" + CALL,  # ends too early, after the call
        b"\x80\x02" + CALL + b"\xff\xff\xff",
        b"\x80\x02I0x10\n0" + CALL + b".",  # a number that C alone reads
        b"I0x10\n0" + CALL + b".",
        b"\x80\x02Np1\x00\n0" + CALL + b".",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x9400h\x00h\x01\x93\x8c\x04true\x85R.",  # by way of the memo
        b"\x80\x04\x8c\x03not\x8c\x02os\x8c\x06system\x93.",  # on a stack with more
        pickle.dumps(1) + b"\x80\x02" + CALL + b".",
        MAGIC + pickle.dumps({}, 2) + CALL + b".",  # legacy: one pickle after the other, with no sign of a protocol
        a_zip(data__pkl=CALL + b"."),
        a_zip(data__PKL=b"\x80\x02" + CALL + b"."),
        a_zip(data__pkl=pickle.dumps({}), constants__pkl=CALL + b"."),
    ],
)
def test_no_detour_hides_a_call(data: bytes) -> None:
    found = read(data)
    assert found == UNSAFE


@pytest.mark.parametrize(
    ("data", "unsafe"),
    [
        (b"\x80\x04\x8c\x02os]\x93.", "a name that it computes"),
        (b"\x80\x02\x82\x01.", "copyreg extension 1"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "collections.OrderedDict.__init__"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
    ],
)
def test_what_is_not_known_to_be_harmless_is_named(data: bytes, unsafe: str) -> None:
    assert read(data) == Pickle((unsafe,))


@pytest.mark.parametrize(
    "name", ["torch BFloat16Storage", "torch._utils _rebuild_parameter", "torch float8_e4m3fn", "torch.cuda HalfTensor"]
)
def test_what_weights_need_is_harmless(name: str) -> None:
    assert read(b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n.") == HARMLESS


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01weights\xff", b"cat\ndog\nRat\n", b"ibm\napple\n", b"I am a text.\n", b"{}", b"\x80\x02", b"\x80"],
)
def test_other_files_are_no_pickles(data: bytes) -> None:
    assert read(data) is None


def test_an_archive_without_pickles_is_none_of_ours_and_one_cut_short_is_damaged() -> None:
    assert read(a_zip(data=b"")) is None
    assert isinstance(read(VARIANT.read_bytes()[:-100]), Damaged)


def test_what_cannot_be_read_through_is_not_called_harmless() -> None:
    endless = b"\x80\x02" + b"N0" * 1_100_000 + CALL + b"."
    assert read(endless) == Pickle(is_read=False)
    broken = bytearray(a_zip(data__pkl=pickle.dumps({}, 2)))
    broken[broken.index(b"\x80\x02}")] ^= 1  # the checksum is wrong now; other readers may not look at it
    assert read(bytes(broken)) == Pickle(is_read=False)


def test_a_contributor_reads_what_loading_would_call(tmp_path: Path) -> None:
    harmless, unsafe, odd = judged(
        tmp_path, {"a.pt": pickle.dumps({}), "b.ckpt": CALL + b".", "c.pkl": b"\x80\x02" + b"N0" * 1_100_000}
    )
    assert (harmless.rule, harmless.severity, harmless.field) == ("pickled-weights", "warning", "model_files.a.pt")
    assert (unsafe.rule, unsafe.severity, unsafe.field) == ("pickle-runs-code", "error", "model_files.b.ckpt")
    assert "`os.system`" in unsafe.message
    assert (odd.rule, odd.field) == ("pickle-runs-code", "model_files.c.pkl")


def test_a_pickle_with_the_name_of_something_better_is_found(tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, {"model.safetensors": b"\x80\x02" + CALL + b"."})
    assert (finding.rule, finding.field) == ("pickle-runs-code", "model_files.model.safetensors")


OPCODES = st.sampled_from(
    [b"(", b")", b"0", b"1", b"2", b"N", b"R", b"t", b"\x94", b"\x93", b"h\x00", b"\x8c\x01a", CALL]
)


@given(st.lists(OPCODES | st.binary(max_size=3)), st.sampled_from([b"", b"\x80\x02", b"\x80\x04"]))
@settings(max_examples=300, deadline=None)
def test_any_instructions_are_walked(parts: list[bytes], start: bytes) -> None:
    data = start + b"".join(parts)
    for whole in (data, a_zip(data__pkl=data), b"PK\x03\x04" + data):
        found = read(whole)
        assert found is None or isinstance(found, Pickle | Damaged)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_archive_is_walked(place: int, change: bytes) -> None:
    data = bytearray(a_zip(data__pkl=pickle.dumps({"a": 1})))
    data[place : place + len(change)] = change
    assert read(bytes(data)) is None or isinstance(read(bytes(data)), Pickle | Damaged)


@pytest.mark.parametrize("reads", range(1, 6))
def test_what_cannot_be_read_is_no_damage(reads: int) -> None:
    data = a_zip(data__pkl=pickle.dumps({"a": list(range(9000))}))
    left = iter(range(reads))

    def fail_at_last(offset: int, length: int) -> bytes:
        if next(left, None) is None:
            raise RegistryError("the line is dead")
        return data[offset : offset + length]

    with pytest.raises(RegistryError, match="the line is dead"):
        parse_pickle(Content(len(data), fail_at_last))
