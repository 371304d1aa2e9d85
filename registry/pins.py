"""How pinning ends: what becomes of each target, once its source was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from registry.descriptor import File
from registry.digests import Digest
from registry.errors import SourceError
from registry.identity import ModelId

Outcome = Literal["pinned", "updated", "unchanged", "differs", "failed"]
VALIDATE = "`registry validate` says what is wrong"


@dataclass(frozen=True)
class Result:
    """How one target ended; without a target it is the whole descriptor."""

    model: ModelId
    target: str | None
    outcome: Outcome
    pin: Digest | None = None  # what was read
    reason: str = ""
    hint: str = ""
    retryable: bool = False


@dataclass(frozen=True)
class Outcomes:
    """How a run ended, by version and in the order of the descriptor."""

    results: tuple[Result, ...]

    def counts(self) -> dict[str, int]:
        """How many targets ended in each way."""
        counted = Counter(result.outcome for result in self.results)
        return {outcome: counted[outcome] for outcome in get_args(Outcome)}

    @property
    def exit_code(self) -> int:
        """0 done, 1 somebody's turn, 3 running again may help."""
        unhappy = [result for result in self.results if result.outcome in ("differs", "failed")]
        return 0 if not unhappy else 3 if all(result.retryable for result in unhappy) else 1


def judge(
    model: ModelId, target: str, file: File | None, found: Digest | SourceError | None, *, update: bool
) -> Result:
    """What becomes of one target; without a file its entry in the descriptor is wrong."""
    if file is None or found is None:
        return Result(model, target, "failed", reason="its entry is not as it should be", hint=VALIDATE)
    if isinstance(found, SourceError):
        return Result(model, target, "failed", reason=str(found), hint=found.hint, retryable=found.retryable)
    difference = _difference(file, found)
    if difference and not update:
        hint = "see whether the source changed; `registry pin --update` writes what it holds now"
        return Result(model, target, "differs", found, difference, hint)
    is_whole = file.sha256 is not None and file.size is not None
    return Result(model, target, "updated" if difference else "unchanged" if is_whole else "pinned", found)


def _difference(file: File, found: Digest) -> str:
    """How the pins that are there differ from what was read; empty where they do not."""
    if file.size is not None and file.size != found.size:
        return f"pin differs: `size` says {file.size:,}, and the source has {found.size:,} bytes"
    if file.sha256 is not None and file.sha256 != found.sha256:
        return f"pin differs: `sha256` says {file.sha256}, and the source has {found.sha256}"
    return ""
