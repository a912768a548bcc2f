"""Runs with jobs."""

from __future__ import annotations

from chaoslab.history.events import AnyEvent

from .events import chat, delivered, job, last_look, subscribed
from .histories import stopped_under_load

LAST_LOOK_S = 7.06


def delivering(
    *,
    lost_from_s: float = 9.0,
    late_s: float = 0.0,
    times: int = 1,
    until_s: float = 6.9,
) -> list[AnyEvent]:
    """The run in which Postgres is stopped, with ten jobs a second until `until_s`, except in the
    outage. Each job is delivered a moment later, the last one before the outage only after it.

    Jobs from `lost_from_s` on are not delivered. One after the outage is delivered `late_s` after
    its acknowledgement, and is there `times` times.
    """
    sent_s = [round(0.1 * n, 1) for n in (*range(11, 24), *range(47, 70)) if 0.1 * n <= until_s]
    lost = tuple(f"j{at_s}" for at_s in sent_s if at_s >= lost_from_s)
    events: list[AnyEvent] = [job(at_s, f"j{at_s}") for at_s in sent_s]
    for at_s in sent_s:
        seen_s = 4.9 if at_s == 2.3 else at_s + (late_s if at_s == 4.9 else 0.0) + 0.15
        if at_s < lost_from_s:
            events.append(delivered(seen_s, f"j{at_s}", seen_s - 0.2 if at_s == 4.9 else at_s))
    found = (f"j{at_s}" for at_s in sent_s if at_s < lost_from_s)
    often = {"j4.9": times} if times > 1 else {}
    looked = last_look(LAST_LOOK_S, *found, missing=lost, repeated=often)
    return [*stopped_under_load(), *events, looked]


def chatting(*, until_s: float = 6.2, ben_from_s: float = 1.0) -> list[AnyEvent]:
    """The run in which Postgres is stopped, with ten jobs a second of two users in turn, from 1.2
    to 2.2 s and from 5.0 s until `until_s`. Ben is subscribed from `ben_from_s` on.
    """
    sent_s = [round(0.1 * n, 1) for n in (*range(12, 22), *range(50, 62)) if 0.1 * n <= until_s]
    turns = zip(sent_s, ("ann", "ben") * len(sent_s), strict=False)
    jobs = [event for at_s, user in turns for event in chat(at_s, user, f"c{at_s}")]
    ann, ben = subscribed("ann", 1.0, 7.1), subscribed("ben", ben_from_s, 7.1)
    return [*stopped_under_load(), *ann, *ben, *jobs]
