"""How long a start is waited for, and whether it was watched for as long as it was given. Pure."""

from __future__ import annotations

from chaoslab.evidence.claim import Bounded, OfBoot
from chaoslab.evidence.reasons import NOT_REACHED
from chaoslab.evidence.timeline import Span, samples, still_asked, unheard, watched_until_s
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import Exited, Spawned
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.reason import Reason

LAST_WORDS = 5  # lines of the log in which the cause must be named: a banner names everything
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history


def not_reached(
    e: Bounded, history: History, begun: Spawned, ended: Exited | None
) -> Reason | None:
    """Where the run, or the lab's own stop of the app, left the bound unreached."""
    if e.within_s is None or (ended and not ended.asked):
        return None
    return watched_to(e, history, begun.at_s + e.within_s)


def watched_to(e: OfBoot, history: History, bound_s: float) -> Reason | None:
    """Why the bound was not reached while that boot was watched; None where it was."""
    until_s = watched_until_s(history, e.app, e.boot)
    return NOT_REACHED(until_s=until_s, bound_s=bound_s) if until_s < bound_s else None


def is_past(
    now_s: float, given: Span, e: OfBoot, plan: Plan, history: History, *, heard: bool = False
) -> bool:
    """Whether the app has had that time, its waits for a core apart (at most as long again), and
    has answered since, where somebody still asks. `heard`: no answer is needed for it.

    One that comes late is then told from one that never comes.
    """
    long_s = given.end_s - given.start_s
    lost_s = min(long_s, waited_s(history, e.app, e.boot, given.start_s, now_s))
    if now_s <= given.end_s + lost_s + GRACE_S:
        return False
    seen = samples(history, e.app, e.boot)
    heard = heard or not unheard(seen, given.end_s)
    return heard or not still_asked(seen, plan.sampling, now_s)
