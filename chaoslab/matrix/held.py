"""The plan of a cell whose lab stays open at its fault, until a person has seen enough. Pure.

The look is a step of the plan, and the end of the step heals the fault. So a saved run has all of
it, and is judged like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from chaoslab.matrix.pace import FAULT
from chaoslab.model import when
from chaoslab.model.cell import Cell
from chaoslab.model.plan import Plan
from chaoslab.model.steps import Step
from chaoslab.model.when import AtMoment

LOOK = "look inside"
MORE_S = 60.0  # for the step to begin, and for a machine that is slow


def held(plan: Plan, cell: Cell, do: Callable[..., Awaitable[None]], *, limit_s: float) -> Plan:
    """The plan of the cell, in which the step `do` begins as soon as the fault is in force, in the
    steady state as soon as the start-up is complete. What ended the fault, or the app, waits until
    the step is over. `limit_s` is how long the step may take.
    """
    at = when.started(app=cell.app) if cell.steady else when.in_force(FAULT)
    step = Step(name=LOOK, at=at, do=do, timeout_s=limit_s + MORE_S, source="chaoslab run --hold")
    over = when.done(LOOK)
    if cell.steady or cell.moment == "sigterm":
        (boot,) = plan.boots
        return replace(plan, steps=(step,), boots=(replace(boot, stop=over),))
    (fault,) = plan.faults
    if fault.stop is None:  # such as a restart, which is over at once
        return replace(plan, steps=(step,))
    return replace(plan, steps=(step,), faults=(replace(fault, stop=over),))


def usual_stop(plan: Plan) -> AtMoment | None:
    """The moment at which the cell would heal its fault by itself: so many seconds after the first
    effect on the app, which it awaits for `within_s`. None if it does not wait for an effect.
    """
    stops = (fault.stop for fault in plan.faults)
    return next((stop for stop in stops if stop and stop.moment == "affected"), None)
