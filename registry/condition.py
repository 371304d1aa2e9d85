"""The condition of a registry: what is still to do, and what is not as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from registry.identity import ModelId

Kind = Literal["missing", "altered", "unknown", "never-recorded"]
KINDS: tuple[Kind, ...] = ("missing", "altered", "unknown", "never-recorded")


class Drift(NamedTuple):
    """One difference between what is recorded and what is there."""

    model: ModelId | None  # None: it belongs to no version
    kind: Kind
    evidence: str


class Pending(NamedTuple):
    """A version that is still to be done."""

    model: ModelId
    since: str  # ISO 8601, UTC

    def seconds(self, now: datetime) -> float | None:
        """How long it is pending; None where that is not known."""
        try:
            since = datetime.strptime(self.since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        return max(0.0, (now - since).total_seconds())


@dataclass(frozen=True)
class Status:
    """Backlog and drift of a registry."""

    commit: str
    converged: str | None  # the commit converged last
    pending: tuple[Pending, ...]
    drift: tuple[Drift, ...]
    versions: int  # with a receipt
    is_listed: bool  # whether the endpoint says what it holds, so that what nobody knows can be found

    def counts(self) -> dict[str, int]:
        """How many versions are recorded and pending, and how much drift there is of each kind."""
        kinds = {kind: sum(drift.kind == kind for drift in self.drift) for kind in KINDS}
        return {"versions": self.versions, "pending": len(self.pending)} | kinds

    @property
    def exit_code(self) -> int:
        """1 for drift. A backlog alone is what the next run does: 0."""
        return int(bool(self.drift))
