"""What there is in numbers: versions, and registrations that are under way or failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.server.records.tables import FacetRow, RegistrationRow

Numbers = Mapping[str, Mapping[str, float]]  # of what → state → number

_UNDER_WAY = "InProgress"


def count(session: Session) -> Numbers:
    """Versions that were not removed, registrations, and seconds since the oldest that is under way was accepted.

    Versions are counted in an index that is read from end to end.
    """
    states = select(FacetRow.value, func.count()).where(FacetRow.kind == "state").group_by(FacetRow.value)
    under_way = select(RegistrationRow.state, func.count()).group_by(RegistrationRow.state)
    oldest = session.scalar(select(func.min(RegistrationRow.started)).where(RegistrationRow.state == _UNDER_WAY))
    return {
        "versions": {state: number for state, number in session.execute(states)},  # noqa: C416 - rows are no pairs
        "registrations": {_UNDER_WAY: 0, "Failed": 0} | {state: number for state, number in session.execute(under_way)},  # noqa: C416
        "registrations_oldest_seconds": {_UNDER_WAY: _age(oldest)},
    }


def _age(moment: str | None) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() if moment else 0.0
