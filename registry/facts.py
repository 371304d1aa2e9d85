"""What the bytes of a version's files say, gathered before the rules that ask for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from registry.errors import SourceProblem
from registry.leaks import Leak

Read = Callable[[int, int], bytes]  # offset and length → the bytes there; fewer only where the file ends


class Content(NamedTuple):
    """A file that can be read by ranges, wherever it is."""

    size: int  # bytes
    read: Read


class Problem(NamedTuple):
    """What is wrong in a file, and where; lines and columns count from 1."""

    line: int
    column: int
    message: str


class Tensor(NamedTuple):
    """One tensor as the header of its file describes it."""

    dtype: str  # as safetensors spells it: "BF16"
    shape: tuple[int, ...]
    size: int  # bytes

    @property
    def numbers(self) -> int:
        """How many it holds; packed ones count as the integers that they are packed in."""
        return math.prod(self.shape)


class Safetensors(NamedTuple):
    """The header of a safetensors file that fits its bytes."""

    tensors: Mapping[str, Tensor]


class Pickle(NamedTuple):
    """A pickle, walked and never loaded."""

    unsafe: tuple[str, ...] = ()  # what loading it calls, outside of what weights need: "os.system"
    is_read: bool = True  # False: its end was not reached, so there may be more


class Damaged(NamedTuple):
    """A weights file that nobody can load, and why, in words that follow its name."""

    problem: Literal["truncated", "unreadable"]
    reason: str


Weights = Safetensors | Pickle | Damaged


class Answer(NamedTuple):
    """What the source of a remote file answered when it was asked."""

    size: int | None = None  # bytes
    problem: SourceProblem | None = None
    reason: str = ""  # what is wrong, then what to do
    is_as_before: bool = False  # the base names source and pins as they are now, so nobody has made a mistake here


@dataclass(frozen=True)
class Facts:
    """What is known of a version's files, by target; a file that was not read is in neither."""

    texts: Mapping[str, bytes] = field(default_factory=dict)  # scripts, conda files, config.json, indices of shards
    weights: Mapping[str, Weights] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)  # of remote files, where their sources were asked
    leaks: Mapping[str, tuple[Leak, ...]] = field(default_factory=dict)  # by path in the folder, the descriptor's too
