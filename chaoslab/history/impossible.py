"""Whether a moment that has not come may still come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    Spawned,
    TriggerMissed,
)
from chaoslab.history.moments import count, find, is_one
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment

_ONCE_A_BOOT = frozenset(
    {"spawned", "bound", "first_answer", "startup_complete", "ready", "exited"}
)


def why_impossible(
    moment: AtMoment,
    plan: Plan,
    events: Sequence[AnyEvent],
    without: frozenset[int] = frozenset(),
) -> str:
    """Why it can come no more; empty where it may, or where nobody can tell.

    `without` are boots, by their number from 0, that wait for it themselves: they cannot bring it.
    """
    if moment.moment in ("in_force", "healed"):
        return _fault_cannot(moment, plan, events)
    names = [moment.of] if moment.of else list(dict.fromkeys(b.app for b in plan.boots))
    boots = sum(_boots_to_come(name, moment, plan, events, without) for name in names)
    living = [spawn for name in names if (spawn := _living(name, events))]
    if not living and not boots:
        who = " and ".join(names) or "any app"
        return f"{who} has no process, and no boot is due"
    if moment.moment not in _ONCE_A_BOOT:
        return ""
    have = count(moment, events)
    may = sum(not any(_is_of(e, spawn, moment) for e in events) for spawn in living)
    if have + may + boots >= moment.nth:
        return ""
    return f"it occurs at most once a boot, at most {have + may + boots} times in this run"


def _is_of(event: AnyEvent, spawn: Spawned, moment: AtMoment) -> bool:
    who = (getattr(event, "app", ""), getattr(event, "boot", 0))
    return who == (spawn.app, spawn.boot) and is_one(moment, event)


def _living(app: str, events: Sequence[AnyEvent]) -> Spawned | None:
    """The app's newest boot, unless its process has ended."""
    spawns = [e for e in events if isinstance(e, Spawned) and e.app == app]
    if not spawns:
        return None
    ended = (e for e in events if isinstance(e, Exited) and e.app == app)
    return None if any(e.boot == spawns[-1].boot for e in ended) else spawns[-1]


def _boots_to_come(
    app: str, moment: AtMoment, plan: Plan, events: Sequence[AnyEvent], without: frozenset[int]
) -> int:
    """Boots of the plan that are due or may yet be, and restarts by a supervisor."""
    spawns = [e for e in events if isinstance(e, Spawned) and e.app == app]
    mine = [(n, boot.at) for n, boot in enumerate(plan.boots) if boot.app == app]
    due = sum(at is None or find(at, events) is not None for _, at in mine)
    missed = {*missed_boots(app, plan, events), *without}
    later = sum(
        at is not None
        and find(at, events) is None
        and n not in missed
        and not why_impossible(at, plan, events, without | {n})
        for n, at in mine
    )
    to_come = max(0, due - sum(not spawn.restart for spawn in spawns)) + later
    if moment.moment == "spawned":  # by the plan, as the moment is meant
        return to_come
    restarts = sum(boot.restarts for boot in plan.boots if boot.app == app)
    return to_come + restarts - sum(spawn.restart for spawn in spawns)


def missed_boots(app: str, plan: Plan, events: Sequence[AnyEvent]) -> Iterator[int]:
    """The numbers, from 0, of the plan's boots of an app whose trigger did not come."""
    places = {e.place for e in events if isinstance(e, TriggerMissed)}
    for number, boot in enumerate(plan.boots):
        if boot.app == app and f"boots[{number}].at" in places:
            yield number


def _fault_cannot(moment: AtMoment, plan: Plan, events: Sequence[AnyEvent]) -> str:
    labels = [moment.of] if moment.of else [fault.label for fault in plan.faults]
    whys = [_one_fault_cannot(moment, label, plan, events) for label in labels]
    return "; ".join(whys) if all(whys) else ""


def _one_fault_cannot(moment: AtMoment, label: str, plan: Plan, events: Sequence[AnyEvent]) -> str:
    mine = [e for e in events if getattr(e, "fault", None) == label]
    missed = [e.why for e in mine if isinstance(e, FaultMissed)]
    if moment.moment == "in_force":
        over = any(isinstance(e, FaultInForce | FaultHealed) for e in mine)
        return f"{label}: {missed[-1]}" if missed and not over else ""
    fault = plan.fault(label)
    if fault is not None and fault.stop is None:
        return f"{label} stays in force to the end of the run"
    asked = any(isinstance(e, FaultRequested) for e in mine)
    healing = any(isinstance(e, FaultHealing) for e in mine)
    healed = any(isinstance(e, FaultHealed) for e in mine)
    return f"{label}: {missed[-1]}" if missed and not healed and (healing or not asked) else ""
