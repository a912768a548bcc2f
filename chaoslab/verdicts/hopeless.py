"""What is left to wait for once a fault was missed. Pure.

An expectation that rests on a fault that was never seen in force, or not healed, is UNKNOWN from
there on, whatever comes. A run whose fault was disabled on purpose need not go on for it.
"""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import FaultMissed, Spawned
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.model.expect import Degrades, Expectation, FailsFast, FirstRequestServed, Starts
from chaoslab.model.plan import Plan


def still_open(plan: Plan, history: History) -> Plan:
    """The resolved plan less what a missed fault has made UNKNOWN for good; for `unsettled` only.

    Start-ups of boots that have been spawned are still waited for: what the app did without the
    fault belongs into the history. Boots that have not been are not.
    """
    missed = {e.fault for e in history.of(FaultMissed)}
    if not missed:
        return plan
    boots = plan.boots[: max(1, sum(not s.restart for s in history.of(Spawned)))]
    last = {app: sum(b.app == app for b in boots) for app in {b.app for b in boots}}
    begun = [e for e in plan.expect if getattr(e, "boot", 1) <= last.get(e.app, 0)]
    kept = tuple(e for e in begun if isinstance(e, Starts | FailsFast) or not missed & rests_on(e))
    needed = frozenset[str]().union(*(rests_on(e) for e in kept))
    faults = tuple(fault for fault in plan.faults if fault.label in needed - missed)
    load = tuple(each for each in plan.load if find(each.start, history.events))
    return replace(plan, boots=boots, load=load, expect=kept, faults=faults)


def rests_on(e: Expectation) -> frozenset[str]:
    """The labels of the faults that a resolved expectation rests on, the one it names included."""
    named = {e.fault} if isinstance(e, Degrades | FirstRequestServed) else set()
    return frozenset({*(e.rests_on or ()), *named})
