"""Which paths and requests were answered more slowly under a fault than before it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaoslab.behaviour.facts import Answers, Facts

# The lab itself may be late by half a second, and a busy machine stops every process now and then.
LONGER_S = 1.0  # one answer that took so much longer than any before the fault is no such pause,
AT_LEAST_S, TIMES = 0.5, 5.0  # nor are three that took so long, and so many times as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """One path, or requests that belong together, with its slowest answer under the fault, and the
    slowest before it. `before_s` is None if the app was not asked then: such a time is only long.
    """

    names: Sequence[str]
    slowest_s: float
    before_s: float | None


def slower(facts: Facts) -> Iterator[Slower]:
    """Yields each path that was slower under the fault, and then all requests that were, as one."""
    before = {(each.role, each.name): each.slowest_s for each in facts.before if each.all_good}
    requests = []
    for each in facts.under:
        found = Slower(
            names=(each.name,),
            slowest_s=each.slowest_s,
            before_s=before.get((each.role, each.name)),
        )
        if not _is_slower(each, found.before_s):
            continue
        if each.role == "request":
            requests.append(found)
        else:
            yield found
    if requests:
        known = [each.before_s for each in requests if each.before_s is not None]
        yield Slower(
            names=[name for each in requests for name in each.names],
            slowest_s=max(each.slowest_s for each in requests),
            before_s=max(known) if len(known) == len(requests) else None,
        )


def _is_slower(under: Answers, before_s: float | None) -> bool:
    if under.slowest_s - (before_s or 0.0) >= LONGER_S:
        return True
    return before_s is not None and under.third_slowest_s >= max(AT_LEAST_S, TIMES * before_s)
