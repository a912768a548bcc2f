"""How long a start is waited for, and whether it was watched for as long as it was given. Pure."""

from __future__ import annotations

from chaoslab.evidence.claim import Bounded, OfBoot
from chaoslab.evidence.timeline import Span, samples, still_asked, unheard, watched_until_s
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import Exited, Spawned
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan

LAST_WORDS = 5  # lines of the log in which the cause must be named: a banner names everything
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history


def had_time_left(e: Bounded, history: History, begun: Spawned, ended: Exited | None) -> bool:
    """Whether the run, or the lab's own stop of the app, left the bound unreached."""
    if e.within_s is None or (ended and not ended.asked):
        return False
    return watched_until_s(history, e.app, e.boot) < begun.at_s + e.within_s


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
