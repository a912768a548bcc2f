"""Triggers of a plan on their way: waited for, and given up as soon as they can come no more."""

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
from chaoslab.history.moments import find, in_words
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment

_DECISIVE = Spawned | Exited | FaultHealed | FaultMissed | TriggerMissed
TOO_EARLY = "the run ended first"


class Awaited:
    """One moment that the plan waits for; `why` says, once it is given up, why it did not come.

    `since_s`: when the fault began that it is to end; see `moments.find`. `of_boot`: the number,
    from 0, of the plan's boot that begins with it.
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
        self.why = ""

    async def came(self) -> bool:
        """Wait for the moment and the seconds after it; False where it did not come in its time,
        or can come no more.
        """
        event = await self._journal.wait_for(self._look, self._within_s)
        if event is None:
            self.why = f"it did not occur within {self._within_s:g} s"
        if event is None or self.why:
            return False
        left_s = event.at_s + self._moment.after_s - self._journal.now()
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
    """Wait for the moment of a boot, a load or a step; that it does not come is written down."""
    awaited = Awaited(moment, plan, journal, of_boot=of_boot)
    if await awaited.came():
        return True
    note_missed(place, moment, awaited.why, journal)
    return False


def note_missed(place: str, moment: AtMoment, why: str, journal: Journal) -> None:
    """Write down, once, that what stands at this place of the plan waited in vain."""
    if journal.history.first(TriggerMissed, lambda missed: missed.place == place) is None:
        event = TriggerMissed(at_s=journal.now(), place=place, moment=in_words(moment), why=why)
        journal.append(event)


def never_came(plan: Plan, history: History) -> Iterator[tuple[str, AtMoment]]:
    """The triggers of boots, loads, steps and the quiet time that have not come, by their place.

    Those of faults are written down by who runs the faults.
    """
    sampling = plan.sampling
    places = {f"boots[{i}].at": boot.at for i, boot in enumerate(plan.boots)}
    places |= {f"load[{i}].start": load.start for i, load in enumerate(plan.load)}
    places |= {step.place: step.at for step in plan.steps}
    places |= {"sampling.quiet_from": sampling.quiet_from}
    if sampling.quiet_from is not None and find(sampling.quiet_from, history.events):
        places |= {"sampling.quiet_until": sampling.quiet_until}
    for place, moment in places.items():
        if moment is not None and find(moment, history.events) is None:
            yield place, moment
