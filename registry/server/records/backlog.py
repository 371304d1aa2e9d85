"""What there is in numbers: versions, and registrations that are under way or failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from registry.server.records.tables import FacetRow, RegistrationRow

Numbers = Mapping[str, Mapping[str, float]]  # of what → state → number

_UNDER_WAY = "InProgress"


def count(connection: Connection) -> Numbers:
    """Versions that were not removed, registrations, and seconds since the oldest that is under way was accepted.

    Versions are counted in an index that is read from end to end.
    """
    states = select(FacetRow.value, func.count()).where(FacetRow.kind == "state").group_by(FacetRow.value)
    under_way = select(RegistrationRow.state, func.count()).group_by(RegistrationRow.state)
    oldest = connection.scalar(select(func.min(RegistrationRow.started)).where(RegistrationRow.state == _UNDER_WAY))
    waiting = {row.state: row[1] for row in connection.execute(under_way)}
    return {
        "versions": {row.value: row[1] for row in connection.execute(states)},
        "registrations": {_UNDER_WAY: 0, "Failed": 0} | waiting,
        "registrations_oldest_seconds": {_UNDER_WAY: _age(oldest)},
    }


def _age(moment: str | None) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() if moment else 0.0
