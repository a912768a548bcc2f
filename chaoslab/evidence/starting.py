"""Whether a start was watched until its bound, and how long a run waits for it. Pure."""

from __future__ import annotations

from chaoslab.evidence.claim import Bounded, OfBoot
from chaoslab.evidence.reasons import NOT_REACHED
from chaoslab.evidence.timeline import Span, not_asked_until, samples, still_asked, watched_until_s
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import Exited, Spawned
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.reason import Reason

LAST_WORDS = 5  # last lines of the log that must name the cause; earlier lines name everything
GRACE_S = 0.1  # after a bound, until the sample that shows it is in the history


def not_reached(
    e: Bounded, history: History, begun: Spawned, ended: Exited | None
) -> Reason | None:
    """The reason that the boot was not watched until its bound, because the run ended or the lab
    stopped the app. None if it was, if `e` has no bound, or if the app ended by itself.
    """
    if e.within_s is None or (ended and not ended.asked):
        return None
    return watched_to(e, history, begun.at_s + e.within_s)


def watched_to(e: OfBoot, history: History, bound_s: float) -> Reason | None:
    """The reason that the boot was not watched until the time `bound_s`. None if it was."""
    until_s = watched_until_s(history, e.app, e.boot)
    return NOT_REACHED(until_s=until_s, bound_s=bound_s) if until_s < bound_s else None


def is_past(
    now_s: float, given: Span, e: OfBoot, plan: Plan, history: History, *, heard: bool = False
) -> bool:
    """Whether the time `given` is over, and the app has answered since its end.

    The time is prolonged by the app's waits for a core, at most to twice its length. An answer is
    not required with `heard`, or if the lab no longer asks. So a state that is late is
    distinguished from one that never begins.
    """
    long_s = given.end_s - given.start_s
    lost_s = min(long_s, waited_s(history, e.app, e.boot, given.start_s, now_s))
    if now_s <= given.end_s + lost_s + GRACE_S:
        return False
    seen = samples(history, e.app, e.boot)
    heard = heard or not not_asked_until(seen, given.end_s)
    return heard or not still_asked(seen, plan.sampling, now_s)
