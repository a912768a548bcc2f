"""Finds out why a moment that has not occurred can no longer occur. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    RestartDecided,
    Spawned,
    TriggerMissed,
)
from chaoslab.history.moments import count, find, is_one
from chaoslab.model.plan import Plan
from chaoslab.model.when import OF_FAULTS, AtMoment
from chaoslab.reason import Code, Reason

_ONCE_A_BOOT = frozenset(
    {"spawned", "bound", "first_answer", "startup_complete", "ready", "exited"}
)


def _no_process(data: Mapping[str, Any]) -> str:
    apps = " and ".join(data["apps"]) or "any app"
    return f"{apps} has no process, and the plan starts no more"


def _faults_over(data: Mapping[str, Any]) -> str:
    missed = (f"{fault}: {why}" for fault, why in zip(data["missed"], data["whys"], strict=True))
    kept = (f"{fault} stays in force to the end of the run" for fault in data["kept"])
    return "; ".join((*missed, *kept))


NO_PROCESS = Code(
    "trigger.no_process",
    _no_process,
    "The trigger waits for an app, but no process of it runs and none will be started.",
    data=("apps",),
)
TOO_FEW_BOOTS = Code(
    "trigger.too_few_boots",
    "it occurs at most once per boot, so at most {most} times in this run",
    "The trigger waits for more occurrences than the boots of the run allow.",
)
FAULTS_OVER = Code(
    "trigger.faults_over",
    _faults_over,
    "The trigger waits for a fault that was missed (`missed`, with what was recorded of it in"
    " `whys`), or for the heal of one that stays in force to the end of the run (`kept`).",
    data=("missed", "whys", "kept"),
)


STEP_MISSED = Code(
    "trigger.step_missed",
    "{step} did not begin",
    "The trigger waits for the end of a step whose own moment did not occur.",
)


def why_impossible(
    moment: AtMoment,
    plan: Plan,
    events: Sequence[AnyEvent],
    without: frozenset[int] = frozenset(),
) -> Reason | None:
    """Why the moment can no longer occur. None if it may, or if this is not known.

    `without` are the boots of the plan, by number from 0, that start only at this moment: they
    cannot cause it.
    """
    if moment.moment in OF_FAULTS:
        return _fault_cannot(moment, plan, events)
    if moment.moment == "done":
        return _step_cannot(moment, plan, events)
    names = [moment.of] if moment.of else list(dict.fromkeys(b.app for b in plan.boots))
    boots = sum(_boots_to_come(name, moment, plan, events, without) for name in names)
    running = [spawn for name in names if (spawn := _running(name, events))]
    if not running and not boots:
        return NO_PROCESS(apps=names)
    if moment.moment not in _ONCE_A_BOOT:
        return None
    may = sum(not any(_is_of(e, spawn, moment) for e in events) for spawn in running)
    most = count(moment, events) + may + boots
    return None if most >= moment.nth else TOO_FEW_BOOTS(most=most)


def _step_cannot(moment: AtMoment, plan: Plan, events: Sequence[AnyEvent]) -> Reason | None:
    missed = {e.place for e in events if isinstance(e, TriggerMissed)}
    named = [step for step in plan.steps if moment.of in ("", step.label)]
    if all(step.place in missed for step in named):
        return STEP_MISSED(step=moment.of or "a step")
    return None


def _is_of(event: AnyEvent, spawn: Spawned, moment: AtMoment) -> bool:
    who = (getattr(event, "app", ""), getattr(event, "boot", 0))
    return who == (spawn.app, spawn.boot) and is_one(moment, event)


def _running(app: str, events: Sequence[AnyEvent]) -> Spawned | None:
    """The spawn of the app's newest boot. None if that boot has ended, or if there was no boot."""
    spawns = [e for e in events if isinstance(e, Spawned) and e.app == app]
    if not spawns:
        return None
    ended = (e for e in events if isinstance(e, Exited) and e.app == app)
    return None if any(e.boot == spawns[-1].boot for e in ended) else spawns[-1]


def _boots_to_come(
    app: str, moment: AtMoment, plan: Plan, events: Sequence[AnyEvent], without: frozenset[int]
) -> float:
    """How many boots of an app may still begin, with restarts by a supervisor. The plan's boots
    with the numbers `without` are left out. Infinite if the supervisor has no limit.
    """
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
    if moment.moment == "spawned":  # this moment does not count restarts
        return to_come
    return to_come + _restarts_to_come(app, plan, events)


def _restarts_to_come(app: str, plan: Plan, events: Sequence[AnyEvent]) -> float:
    """How often a supervisor may still start the app. None of them comes after it decided against
    one.
    """
    decided = [e for e in events if isinstance(e, RestartDecided) and e.app == app]
    if decided and decided[-1].wait_s is None:
        return 0
    supervisors = (boot.supervisor for boot in plan.boots if boot.app == app)
    restarted = sum(isinstance(e, Spawned) and e.app == app and e.restart for e in events)
    return sum(by.most_restarts for by in supervisors if by is not None) - restarted


def missed_boots(app: str, plan: Plan, events: Sequence[AnyEvent]) -> Iterator[int]:
    """The numbers, from 0, of the plan's boots of an app whose trigger did not occur."""
    places = {e.place for e in events if isinstance(e, TriggerMissed)}
    for number, boot in enumerate(plan.boots):
        if boot.app == app and f"boots[{number}].at" in places:
            yield number


def _fault_cannot(moment: AtMoment, plan: Plan, events: Sequence[AnyEvent]) -> Reason | None:
    labels = [moment.of] if moment.of else [fault.label for fault in plan.faults]
    kept = [label for label in labels if moment.moment == "healed" and _is_kept(label, plan)]
    missed = [label for label in labels if label not in kept]
    whys = [_why_missed(moment, label, events) for label in missed]
    return FAULTS_OVER(missed=missed, whys=whys, kept=kept) if labels and all(whys) else None


def _is_kept(label: str, plan: Plan) -> bool:
    """Whether the fault `label` stays in force until the run ends, because the plan gives it no
    stop.
    """
    fault = plan.fault(label)
    return fault is not None and fault.stop is None


def _why_missed(moment: AtMoment, label: str, events: Sequence[AnyEvent]) -> str:
    """The recorded reason why the fault `label` can no longer be in force, affect an app or be
    healed, whichever is the moment. Empty if it still can.
    """
    mine = [e for e in events if getattr(e, "fault", None) == label]
    why = next((str(e.why) for e in reversed(mine) if isinstance(e, FaultMissed)), "")
    if moment.moment == "in_force":
        return "" if any(isinstance(e, FaultInForce | FaultHealed) for e in mine) else why
    healing = any(isinstance(e, FaultHealing) for e in mine)
    if moment.moment == "affected":
        return "its heal has begun" if healing else why
    requested = any(isinstance(e, FaultRequested) for e in mine)
    healed = any(isinstance(e, FaultHealed) for e in mine)
    return why if not healed and (healing or not requested) else ""
