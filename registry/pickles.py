"""Pickles, walked instruction by instruction and never loaded: what would loading one call?"""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from registry.errors import RegistryError
from registry.facts import Content, Damaged, Pickle

_MAX_BYTES = 16 * 1024 * 1024  # of one pickle; tensors are kept beside it
_MAX_UNPACKED = 64 * 1024 * 1024  # bytes of all pickles in an archive
_MAX_STEPS = 2_000_000  # instructions of one file: a few seconds
_MAX_READ = 16 * 1024 * 1024  # bytes at once, of a zip archive's directory: each entry takes ten times its bytes
_PACKED_AS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what torch reads; Python unpacks others without a limit
_ZIP = b"PK\x03\x04"
_TORCH = 0x1950A86A20F9469CFC6C  # the number that torch.save wrote first, before it wrote zip archives
_TORCH_PICKLES = 5  # that number, the protocol, the system, the object, the keys of its storages
_HIGHEST_PROTOCOL = 5

# What torch.load(weights_only=True) takes by default; `__builtin__` is Python 2's name.
_HARMLESS = re.compile(
    r"""collections\.(?:OrderedDict|Counter) | _codecs\.encode | (?:builtins|__builtin__)\.(?:bytearray|set|complex)
    | torch\.(?:Size|Tensor|device|nn\.parameter\.Parameter|serialization\._get_layout)
    | torch\._utils\._rebuild_(?:parameter(?:_with_state)?|qtensor|tensor(?:_v[23])?|sparse_tensor|wrapper_subclass
        |meta_tensor_no_storage|device_tensor_from_(?:numpy|cpu_tensor)) | torch\._tensor\._rebuild_from_type_v2
    | torch\.(?:cuda\.)?(?:Double|Float|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|Complex(?:Double|Float)
        |Q(?:U?Int8|Int32|UInt4x2|UInt2x4))Storage | torch\.storage\.(?:Typed|Untyped)Storage
    | torch\.(?:cuda\.)?(?:sparse\.)?(?:Double|Float|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Tensor
    | torch\.(?:bool|bfloat16|u?int[1-9][0-9]?|complex(?:32|64|128)|qu?int8|qint32|quint4x2|quint2x4
        |float(?:16|32|64|8_e[0-9]m[0-9](?:fn|fnuz|fnu)?|4_e2m1fn_x2))
    | torch\.per_(?:tensor|channel)_(?:affine|symmetric)
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"\w+(?:\.\w+)*")
_CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_LINES = frozenset("ILFSVPpg")  # instructions whose argument is the rest of a line
_MARK = object()


def parse_pickle(content: Content) -> Pickle | Damaged | None:
    """What loading the file would call, where it is a pickle or a zip archive with pickles in it, as torch writes."""
    if content.read(0, len(_ZIP)) == _ZIP:
        return _parse_archive(content)
    data = content.read(0, _MAX_BYTES)
    walk = _Walk(is_cut=content.size > len(data))
    return walk.pickle() if _is_pickle(data, walk) else None


def _parse_archive(content: Content) -> Pickle | Damaged | None:
    walk = _Walk()
    try:
        with zipfile.ZipFile(_File(content)) as archive:
            inside = [info for info in archive.infolist() if info.filename.lower().endswith(".pkl")]
            for info in inside:
                _walk_member(archive, info, walk)
    except RegistryError:  # it could not be read, which says nothing of its bytes
        raise
    except Exception:  # zipfile raises many things at what strangers wrote; none can be loaded
        return Damaged("truncated", "begins as a zip archive and has no readable list of files at its end")
    return walk.pickle() if inside else None


def _walk_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, walk: _Walk) -> None:
    if info.compress_type not in _PACKED_AS or walk.unpacked > _MAX_UNPACKED:
        walk.is_read = False
        return
    try:
        with archive.open(info) as member:
            data = member.read(_MAX_BYTES + 1)
    except RegistryError:
        raise
    except Exception:  # what Python cannot unpack, another reader may
        walk.is_read = False
        return
    walk.unpacked += len(data)
    walk.is_cut = len(data) > _MAX_BYTES
    walk.run(io.BytesIO(data))


def _is_pickle(data: bytes, walk: _Walk) -> bool:
    """Walk the pickles that stand at the beginning; whether there are any."""
    stream = io.BytesIO(data)
    first = walk.run(stream)
    if data[:1] == b"\x80":
        is_one = data[1:2] <= bytes([_HIGHEST_PROTOCOL]) and (first.is_ended or bool(walk.names) or not walk.is_read)
    else:  # without the sign of a protocol any text may begin like one
        is_one = first.is_ended and first.steps > 1 and not data[stream.tell() :].strip()
        is_one |= (walk.has_called and all(map(_NAME.fullmatch, walk.names))) or first.steps > _MAX_STEPS
    is_torch = first.is_ended and first.number == _TORCH
    for _ in range(_TORCH_PICKLES - 1 if is_one and first.is_ended else 0):
        if not is_torch and data[stream.tell() : stream.tell() + 1] != b"\x80":
            break
        if not walk.run(stream).is_ended:
            break
    return is_one


class _Outcome(NamedTuple):
    is_ended: bool  # its last instruction was reached
    steps: int
    number: object = None  # the last whole number that it names


@dataclass
class _Walk:
    """What was met on the way through the pickles of one file."""

    is_cut: bool = False  # there is more of the pickle than was handed in
    is_read: bool = True
    has_called: bool = False
    names: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    steps: int = 0
    unpacked: int = 0  # bytes

    def pickle(self) -> Pickle:
        """The result."""
        unsafe = [name for name in self.names if not _HARMLESS.fullmatch(name)]
        return Pickle(tuple(unsafe), self.is_read)

    def run(self, stream: io.BytesIO) -> _Outcome:
        """Walk one pickle to its end, or to where it makes no sense: what stands before that is run by a loader."""
        machine, number, before = _Machine(), None, self.steps
        try:
            for op, argument in _instructions(stream):
                self.steps += 1
                if self.steps > _MAX_STEPS:
                    self.is_read = False
                    return _Outcome(False, self.steps - before)
                self._note(machine, op, argument)
                number = argument if isinstance(argument, int) else number
        except Exception:  # pickletools raises many things at what strangers wrote; all mean its end
            self.is_read = self.is_read and not (self.is_cut and not stream.read(1))
            return _Outcome(False, self.steps - before)
        return _Outcome(True, self.steps - before, number)

    def _note(self, machine: _Machine, op: pickletools.OpcodeInfo, argument: Any) -> None:
        self.has_called |= op.name in _CALLS and bool(self.names) and len(machine.stack) > 1
        if op.name in ("GLOBAL", "INST"):
            self.names[str(argument).replace(" ", ".", 1)] = None
            self.has_called |= op.name == "INST" and bool(machine.stack)
        elif op.name == "STACK_GLOBAL":
            name, module = machine.pop(), machine.pop()
            is_known = isinstance(name, str) and isinstance(module, str)
            self.names[f"{module}.{name}" if is_known else "a name that it computes"] = None
            machine.stack.append(None)
            return
        elif op.name.startswith("EXT"):
            self.names[f"copyreg extension {argument}"] = None
        machine.step(op, argument)


def _instructions(stream: io.BytesIO) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    """The instructions of one pickle, each with its argument: None where a loader may read it and pickletools cannot.

    C's reader takes more than this one, `I0x10` or a number with a NUL behind it, and would go on to what follows.
    """
    while True:
        place = stream.tell()
        try:
            for op, argument, _ in pickletools.genops(stream):
                yield op, argument
                place = stream.tell()
            return
        except Exception:
            stream.seek(place)
            code = stream.read(1).decode("latin-1")
            if code not in _LINES:
                raise
            stream.readline()
        yield _line_instructions()[code], None


@cache
def _line_instructions() -> Mapping[str, pickletools.OpcodeInfo]:
    return {op.code: op for op in pickletools.opcodes if op.code in _LINES}


class _Effect(NamedTuple):
    """What an instruction does to the stack of a loader."""

    is_to_mark: bool
    taken: int  # below the mark, where it takes all down to one
    given: int


@cache
def _effect(op: pickletools.OpcodeInfo) -> _Effect:
    is_to_mark = pickletools.markobject in op.stack_before
    taken = op.stack_before.index(pickletools.markobject) if is_to_mark else len(op.stack_before)
    return _Effect(is_to_mark, taken, len(op.stack_after))


@dataclass
class _Machine:
    """The stack and the memo of a loader, as far as texts go; anything else is None."""

    stack: list[object] = field(default_factory=list)
    memo: dict[object, object] = field(default_factory=dict)

    def pop(self) -> object:
        """The top of the stack; None where there is nothing."""
        return self.stack.pop() if self.stack else None

    def step(self, op: pickletools.OpcodeInfo, argument: Any) -> None:
        """One instruction."""
        name, top = op.name, self.stack[-1] if self.stack else None
        if name == "MARK":
            self.stack.append(_MARK)
        elif name == "DUP":
            self.stack.append(top)
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = top
        elif "PUT" in name:
            self.memo[argument] = top
        elif "GET" in name:
            self.stack.append(self.memo.get(argument))
        elif name.endswith(("STRING", "UNICODE", "UNICODE8")):
            self.stack.append(argument)
        else:
            self._apply(_effect(op))

    def _apply(self, effect: _Effect) -> None:
        while effect.is_to_mark and self.stack and self.stack.pop() is not _MARK:
            pass
        if effect.taken:
            del self.stack[-effect.taken :]
        self.stack.extend([None] * effect.given)


class _File:
    """Ranges as the file that zipfile reads from."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._place = 0

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; raises OSError before the beginning."""
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._content.size}[whence]
        if place < 0:
            raise OSError("before the beginning")
        self._place = place
        return place

    def read(self, size: int = -1) -> bytes:
        """The next bytes; raises OSError where that would be more than fits."""
        left = max(self._content.size - self._place, 0)
        wanted = left if size < 0 else min(size, left)
        if wanted > _MAX_READ:
            raise OSError("too much at once")
        data = self._content.read(self._place, wanted)
        self._place += len(data)
        return data
