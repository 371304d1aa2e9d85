"""What reconcile would do, without the lock and, where nothing is to be compared in full, without the endpoint."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from registry.plan import Plan
from registry.planning import Planner
from registry.standing import Standing, Where

if TYPE_CHECKING:
    from registry.endpoint import Endpoint
    from registry.storage import Storage


def preview(
    planner: Planner,
    now: Standing,
    where: Where,
    storage: Storage,
    connect: Callable[[], AbstractContextManager[Endpoint]],
) -> Plan:
    """The plan for a commit that is not done."""
    scope = planner.load_scope(now.commit, now.state, full=now.full)
    if not now.full:
        return planner.load_work(now.commit, now.converged, scope).plan
    from registry.drift import make_drift_of  # with all that talking to an endpoint needs

    with connect() as endpoint:
        is_known = now.state is not None and where.is_that_of(now.state, endpoint.ready().instance)
        drift_of = make_drift_of(storage, endpoint, is_known=is_known)
        return planner.load_work(now.commit, now.converged, scope, drift_of).plan
