"""Leaves out of a plan what a run need not wait for after a fault was missed. Pure.

An expectation that rests on a fault that was not in force, or not healed, will be UNKNOWN in any
case. A run whose fault was disabled on purpose does not wait for it.
"""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations.base import Expectation
from chaoslab.history.events import FaultMissed, Spawned
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan


def still_open(plan: Plan, history: History) -> Plan:
    """The resolved plan without the parts that a missed fault has made UNKNOWN. Used only for
    `unsettled`.

    The run still waits for start-ups of boots that were spawned, so that the history shows what the
    app did without the fault. It does not wait for further boots.
    """
    missed = {e.fault for e in history.of(FaultMissed)}
    if not missed:
        return plan
    boots = plan.boots[: max(1, sum(not s.restart for s in history.of(Spawned)))]
    last = {app: sum(b.app == app for b in boots) for app in {b.app for b in boots}}
    begun = [e for e in plan.expect if getattr(e, "boot", 1) <= last.get(e.app, 0)]
    kept = tuple(e for e in begun if _of_start(e) or not missed & e.faults_rested_on())
    needed = frozenset[str]().union(*(e.faults_rested_on() for e in kept))
    faults = tuple(fault for fault in plan.faults if fault.label in needed - missed)
    load = tuple(each for each in plan.load if find(each.start, history.events))
    steps = tuple(step for step in plan.steps if find(step.at, history.events))
    return replace(plan, boots=boots, load=load, steps=steps, expect=kept, faults=faults)


def _of_start(e: Expected) -> bool:
    return isinstance(e, Expectation) and e.of_start
