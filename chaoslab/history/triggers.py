"""Waits for the triggers of a plan, until they occur or can no longer occur."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultMissed,
    Spawned,
    TriggerMissed,
)
from chaoslab.history.impossible import why_impossible
from chaoslab.history.journal import History, Journal
from chaoslab.history.moments import counts_from_s, find
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment
from chaoslab.reason import Code, Reason

_DECISIVE = Spawned | Exited | FaultHealed | FaultMissed | TriggerMissed

NOT_IN_TIME = Code(
    "trigger.not_in_time",
    "it did not occur within {within_s:g} s",
    "The trigger did not occur in the time that the plan waits for it.",
)
BOOT_OVER = Code(
    "trigger.boot_over",
    "the process of {app} had ended before it",
    "The trigger stops a boot of an app, and the process of that boot had ended before.",
)
RUN_ENDED = Code(
    "trigger.run_ended",
    "the run ended first",
    "The run ended before the trigger occurred.",
)


class Awaited:
    """One moment that the plan waits for. If the moment did not occur, `why` is the reason.

    If the moment is the stop of a fault, `since_s` is when that fault began; see `find` and
    `counts_from_s` in `moments`. `of_boot` is the number, from 0, of the plan's boot that starts at
    the moment.
    """

    def __init__(
        self,
        moment: AtMoment,
        plan: Plan,
        journal: Journal,
        *,
        since_s: float | None = None,
        of_boot: int | None = None,
    ) -> None:
        assert moment.within_s is not None, "the plan was not resolved"
        self._moment, self._plan, self._journal = moment, plan, journal
        self._since_s, self._within_s, self._read = since_s, moment.within_s, 0
        self._without = frozenset[int]() if of_boot is None else frozenset({of_boot})
        self.why: Reason | None = None

    async def came(self) -> bool:
        """Wait for the moment and the seconds after it. True once they are over. False as soon as
        the moment can no longer occur, or if it did not occur in its time.
        """
        event = await self._journal.wait_for(self._look, self._within_s)
        if event is None:
            self.why = NOT_IN_TIME(within_s=self._within_s)
        if event is None or self.why:
            return False
        from_s = counts_from_s(event, self._since_s)
        left_s = from_s + self._moment.after_s - self._journal.now()
        await asyncio.sleep(max(0.0, left_s))
        return True

    def _look(self, events: list[AnyEvent]) -> AnyEvent | None:
        if (found := find(self._moment, events, self._since_s)) is not None:
            return found
        new, first = events[self._read :], not self._read
        self._read = len(events)
        if events and (first or any(isinstance(event, _DECISIVE) for event in new)):
            self.why = why_impossible(self._moment, self._plan, events, self._without)
        return events[-1] if self.why else None


async def trigger_came(
    place: str, moment: AtMoment, plan: Plan, journal: Journal, of_boot: int | None = None
) -> bool:
    """Wait for the moment of a boot, a load or a step, and return whether it occurred. If it did
    not, that is recorded. `place` is the moment's place in the plan; `of_boot` is as in `Awaited`.
    """
    awaited = Awaited(moment, plan, journal, of_boot=of_boot)
    if await awaited.came():
        return True
    assert awaited.why is not None
    note_missed(place, moment, awaited.why, journal)
    return False


def note_missed(place: str, moment: AtMoment, why: Reason, journal: Journal) -> None:
    """Record, once, that the moment at this place of the plan did not occur."""
    if journal.history.first(TriggerMissed, lambda missed: missed.place == place) is None:
        journal.append(TriggerMissed(at_s=journal.now(), place=place, moment=moment, why=why))


def missed_places(history: History) -> set[str]:
    """The places of all triggers that were recorded as missed."""
    return {missed.place for missed in history.of(TriggerMissed)}


def never_came(plan: Plan, history: History) -> Iterator[tuple[str, AtMoment]]:
    """The triggers of boots and their stops, loads, steps and the quiet time that did not occur,
    each after its place in the plan.

    Triggers of faults are not among these: `injection/schedule` records them.
    """
    sampling = plan.sampling
    places = {f"boots[{i}].at": boot.at for i, boot in enumerate(plan.boots)}
    places |= {f"boots[{i}].stop": boot.stop for i, boot in enumerate(plan.boots)}
    places |= {f"load[{i}].start": load.start for i, load in enumerate(plan.load)}
    places |= {step.place: step.at for step in plan.steps}
    places |= {"sampling.quiet_from": sampling.quiet_from}
    if sampling.quiet_from is not None and find(sampling.quiet_from, history.events):
        places |= {"sampling.quiet_until": sampling.quiet_until}
    for place, moment in places.items():
        if moment is not None and find(moment, history.events) is None:
            yield place, moment
