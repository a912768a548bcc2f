"""The longest time that a run may take: enough for an app that uses up all of its deadlines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chaoslab.model.expectation import Place

if TYPE_CHECKING:
    from chaoslab.model.plan import Plan
    from chaoslab.model.topology import Topology

LEAST_S = 30.0
ANSWERS = 4  # an expectation may wait for so many answers of an app that is asked rarely
RESTARTS = 10  # of an app without a limit; a run that needs more declares limit_s
TURN_S = 10.0  # the time to inject and heal a fault: a service may be stopped and restarted


def longest_s(plan: Plan, topology: Topology) -> float:
    """The limit of a run of this resolved plan, in seconds, at least 30.

    It is the sum of all times that the plan may wait, as if each began when the one before was
    over. A limit that is too long costs time only if a run hangs. A limit that is too short makes
    verdicts UNKNOWN.
    """
    moments_s = ((moment.within_s or 0.0) + moment.after_s for _, moment in plan.moments)
    waits_s = (*moments_s, *_boots(plan, topology), *_expectations(plan, topology))
    steps_s = sum(step.timeout_s for step in plan.steps)
    return round(max(LEAST_S, sum(waits_s) + steps_s + TURN_S * len(plan.faults)), 3)


def _boots(plan: Plan, topology: Topology) -> Iterator[float]:
    for boot in plan.boots:
        deadlines = topology.apps[boot.app].deadlines
        start_s = max(deadlines.startup_s, deadlines.fail_fast_s)
        yield start_s
        if (by := boot.supervisor) is not None:
            again_s = max(start_s, by.startup_probe_s if by.liveness else 0.0)
            yield min(by.most_restarts, RESTARTS) * (again_s + by.wait_s(RESTARTS))
        yield boot.grace_s if boot.stop else 0.0


def _expectations(plan: Plan, topology: Topology) -> Iterator[float]:
    for i, e in enumerate(plan.expect):
        yield e.longest_s(Place(where=f"expect[{i}]", plan=plan, topology=topology))
        yield ANSWERS * (topology.apps[e.app].health.period_s or 0.0)
