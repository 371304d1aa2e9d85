"""How a run of reconcile ended: one outcome for each version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from registry.finding import Finding
    from registry.identity import ModelId


Outcome = Literal["registered", "amended", "removed", "repaired", "refused", "failed", "missing", "unchanged"]
OUTCOMES: tuple[Outcome, ...] = (
    "registered", "amended", "removed", "repaired", "refused", "failed", "missing", "unchanged"
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """How one version ended."""

    model: ModelId
    outcome: Outcome
    reason: str
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    retryable: bool = False
    findings: tuple[Finding, ...] = ()
    type: str = ""
    num_params: int = 0
    hint: str = ""
    note: str = ""  # what went otherwise than it should, and is no failure


@dataclass(frozen=True)
class Outcomes:
    """How a run ended: each version in exactly one outcome; `unchanged` ones are counted, not listed."""

    commit: str
    converged: str | None  # the commit converged before
    results: tuple[Result, ...]
    unchanged: int
    waiting: tuple[ModelId, ...] = ()  # pending versions that this run was not asked to do, or did not come to
    note: str = ""  # such as "superseded"
    seconds: float = 0.0
    is_interrupted: bool = False

    def counts(self) -> dict[str, int]:
        """How many versions ended in each outcome."""
        counts: dict[str, int] = {outcome: sum(r.outcome == outcome for r in self.results) for outcome in OUTCOMES}
        return counts | {"unchanged": self.unchanged}

    @property
    def left(self) -> int:
        """How many versions wait."""
        return len(self.waiting)

    @property
    def files(self) -> int:
        """Of all versions that were done."""
        return sum(result.files for result in self.results)

    @property
    def bytes(self) -> int:
        """In the files of all versions that were done."""
        return sum(result.bytes for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 all well; 3 where running again may help; 1 where it cannot, or for some of them; 130 interrupted."""
        if self.is_interrupted:
            return 130
        bad = [result for result in self.results if result.outcome in ("refused", "failed")]
        if not bad:
            return 0
        return 3 if all(result.retryable for result in bad) else 1
