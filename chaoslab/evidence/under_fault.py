"""The time in which an app is judged while one fault is in force, over all of its boots. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chaoslab.evidence.claim import OfApp
from chaoslab.evidence.reasons import NOT_IN_FORCE
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    around_span,
    exited,
    fault_span,
    run_ended,
    samples,
)
from chaoslab.history.events import Exited, FaultHealing, HealthSample, Spawned
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

NO_BOOT = Code(
    "fault.no_boot_under_it",
    "no process of {app} ran while {fault} was in force",
    "The fault was in force only before the app was started, or after it had ended.",
)
TOO_SHORT = Code(
    "fault.too_short",
    "{fault} was in force for only {held_s:.3f} s while the app ran; the bound is {within_s:g} s",
    "The fault ended before the app had to do what the claim expects.",
)


class OfOneFault(OfApp, Protocol):
    """A claim about an app while one fault is in force."""

    @property
    def fault(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The boot that ran when the fault began, or else the first one under it, and the time `span`
    from then on, until the heal began or the lab stopped the app. `around` lasts from the request
    of the fault, or from the spawn of that boot, until the heal was over: bounds count from `span`,
    but what the app does while a service is being stopped or started counts as well.

    `at_boot`: the fault was in force before that boot. `later` are the boots that followed it under
    the fault.
    """

    boot: Spawned
    span: Span
    around: Span
    at_boot: bool
    later: Sequence[Spawned] = ()

    @property
    def held_s(self) -> float:
        """For how many seconds the app was under the fault."""
        return self.span.end_s - self.span.start_s

    def too_short(self, fault: str, within_s: float) -> Reason | None:
        """The reason that the fault did not last for `within_s`. None if it did."""
        if self.held_s >= within_s:
            return None
        return TOO_SHORT(fault=fault, held_s=self.held_s, within_s=within_s)


def under(e: OfOneFault, history: History) -> Under | Reason:
    """The time in which the app is judged. A Reason if there is none."""
    held, around = fault_span(history, e.fault), around_span(history, e.fault)
    if held is None or around is None:
        return NOT_IN_FORCE(fault=e.fault)
    boots = [s for s in history.of(Spawned) if s.app == e.app and s.at_s <= held.end_s]
    ends = {s.boot: exited(history, e.app, s.boot) for s in boots}
    mine = [s for s in boots if _met(ends[s.boot], held, around)]
    if not mine:
        return NO_BOOT(app=e.app, fault=e.fault)
    first, at_boot = mine[0], mine[0].at_s > held.start_s and not mine[0].standing
    # the lab stopped the app: for the plan, or at the run's end
    stops_s = [x.at_s for x in ends.values() if x is not None and x.asked]
    start_s = max(held.start_s, first.at_s) if at_boot else held.start_s
    span = Span(start_s=start_s, end_s=min([held.end_s, *(s for s in stops_s if s > start_s)]))
    if at_boot:
        around = Span(start_s=first.at_s, end_s=around.end_s)
    return Under(boot=first, span=span, around=around, at_boot=at_boot, later=mine[1:])


def _met(ended: Exited | None, held: Span, around: Span) -> bool:
    """Whether a boot with this end met the fault. One that the lab stopped before it was in force
    did not.
    """
    return ended is None or ended.at_s > (held if ended.asked else around).start_s


def exit_under(e: OfOneFault, found: Under, history: History) -> Exited | None:
    """The first exit of the app, not by the lab, while it was under the fault. None if it did not
    exit.
    """
    return history.first(
        Exited, lambda x: x.app == e.app and not x.asked and found.around.holds(x.at_s)
    )


def answers_under(e: OfOneFault, found: Under, history: History) -> list[HealthSample]:
    """The requests to health of that boot that were sent and over under the fault."""
    asked = samples(history, e.app, found.boot.boot)
    return [s for s in asked if s.at_s >= found.span.start_s and answered_s(s) <= found.span.end_s]


def answers_around(e: OfOneFault, found: Under, history: History) -> list[HealthSample]:
    """The requests to health of that boot that were open in a part of `around`, and over before its
    end.
    """
    asked = samples(history, e.app, found.boot.boot)
    return [s for s in asked if found.around.holds(answered_s(s))]


def was_watched(e: OfOneFault, found: Under, history: History) -> bool:
    """Whether the app was watched until the heal began, or until the plan stopped it before. A run
    that is cut short heals its faults as well, but too early.
    """
    end, healing = run_ended(history), history.first(FaultHealing, lambda h: h.fault == e.fault)
    stopped = healing is None or found.span.end_s < healing.at_s
    return end is not None and end.settled and (healing is not None or stopped)
