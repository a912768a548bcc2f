"""`regains_latency`: after the recovery writes are as fast as before the fault. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median, quantiles
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import (
    answered_s,
    exited,
    healthy_since,
    last_healed_s,
    samples,
)
from chaoslab.evidence.traffic import first_fault_s, load_requests, over_s, well_s
from chaoslab.evidence.writing import LOOKED_S, dry_s, more_of
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code

LEAST_S = 0.02  # a smaller difference of the medians is noise of the machine, whatever the ratio
CHANCE = 0.01  # a one-sided p below this means that the difference is not by chance

NO_FAULT = Code(
    "latency.no_fault",
    "the plan has no fault to recover from",
    "Without a fault there is no time before it and no recovery from it to compare.",
)
NOT_RECOVERED = Code(
    "latency.not_recovered",
    "health was not observed to stay healthy after the last heal",
    "There is no time after the recovery to compare with the time before the fault.",
)
FEW = Code(
    "latency.few_writes",
    "{before} acknowledged writes before the fault, {after} after it; "
    "{at_least} of each are required",
    "Too few acknowledged writes, before the fault or after it, to compare how long they took.",
)
_TIMES = "median {median_s:.3f} s, p95 {p95_s:.3f} s of {count} writes"
BEFORE = Code(
    "latency.before_fault",
    f"before the fault: {_TIMES}",
    "How long acknowledged writes took before the first fault.",
)
AFTER = Code(
    "latency.after_recovery",
    f"after the recovery: {_TIMES}",
    "How long acknowledged writes took after the app's recovery.",
)
SLOWER = Code(
    "latency.slower",
    "the median write is {times:.1f} times as slow as before the fault (p = {p:.1g})",
    "Writes take longer than before: by more than the ratio allows, and by more than noise or "
    "chance explain.",
)
HEALTH_SLOWER = Code(
    "latency.health_slower",
    "health is {times:.1f} times as slow as before the fault: the machine may be the cause",
    "The answers of health became slower too, enough to explain why the writes did.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegainsLatency(OfRequest):
    """After its recovery the app acknowledges writes about as fast as before the first fault.

    The median may be at most `ratio` times as long as in the same run before the fault. At least
    `at_least` acknowledged writes are required before the fault, and as many after the recovery.
    """

    ratio: float = 3.0
    at_least: int = 20
    boot: int = 1
    kind: Literal["regains_latency"] = "regains_latency"

    over_boots: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 1, at_least=self.at_least)
        if not self.ratio > 0:
            yield wrong(place.where, "ratio", self.ratio, "more than 0")

    def longest_s(self, place: Place) -> float:
        return self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        """The verdict. A FAIL needs all three: the ratio of the medians is above `ratio`, they
        differ by more than 0.02 s, and a one-sided Mann-Whitney test gives p below 0.01.

        Health is the control. If its answers became slower too, enough to explain the difference,
        the machine may be the cause, and the verdict is UNKNOWN.
        """
        history = run.history
        slowly = f"at most {self.ratio:g} times as slowly as before the fault"
        claim = f"after its recovery {self.app} acknowledges writes {slowly}"
        if not run.plan.faults:
            return unknown(self.kind, claim, NO_FAULT())
        if _recovered_s(self, history) is None:
            return unknown(self.kind, claim, NOT_RECOVERED())
        before = [w.took_s for w in _writes_before(self, history)]
        after = [w.took_s for w in _writes_after(self, history)]
        if min(len(before), len(after)) < self.at_least:
            few = FEW(before=len(before), after=len(after), at_least=self.at_least)
            return unknown(self.kind, claim, few)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT())
        both = (BEFORE(**_times(before)), AFTER(**_times(after)))
        slower_s, p = median(after) - median(before), chance_of(before, after)
        if median(after) <= self.ratio * median(before) or slower_s <= LEAST_S or p >= CHANCE:
            return passed(self.kind, claim, *both)
        slower = SLOWER(times=median(after) / median(before), p=p)
        by_health = _slower_by_health(self, history)
        if median(after) <= self.ratio * by_health * median(before):
            return unknown(self.kind, claim, slower, HEALTH_SLOWER(times=by_health), *both)
        return failed(self.kind, claim, slower, *both)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: enough writes after the recovery, if there
        were enough before the fault. None if nothing.
        """
        plan, history, recovery_s = run.plan, run.history, run.app(self.app).deadlines.recovery_s
        healed_s, since_s = last_healed_s(history), _recovered_s(self, history)
        if exited(history, self.app, self.boot) is not None:
            return None
        if healed_s is None or len(_writes_before(self, history)) < self.at_least:
            return None
        if since_s is None:
            late = now_s > healed_s + recovery_s + LOOKED_S
            return None if late else f"the recovery of {self.app}"
        after, pause_s = _writes_after(self, history), dry_s(self.app, plan)
        return more_of(after, self.at_least, [since_s], now_s, pause_s)


def _recovered_s(e: RegainsLatency, history: History) -> float | None:
    """The time since which health was healthy without a break after the last heal; None if it was
    not.
    """
    healed_s = last_healed_s(history)
    since = None if healed_s is None else healthy_since(history, e.app, e.boot, healed_s)
    return answered_s(since) if since else None


def _writes_before(e: RegainsLatency, history: History) -> list[Request]:
    """The acknowledged writes that were sent once the app was ready or healthy, and over before the
    first fault.
    """
    since_s, until_s = well_s(history, e.app, e.boot), first_fault_s(history)
    mine = load_requests(history, e.app, e.boot, e.request) if since_s is not None else []
    ok = (w for w in mine if w.outcome == "ok" and w.at_s >= (since_s or 0.0))
    return [w for w in ok if over_s(w) < until_s]


def _writes_after(e: RegainsLatency, history: History) -> list[Request]:
    """The acknowledged writes that were sent after the recovery."""
    since_s = _recovered_s(e, history)
    mine = load_requests(history, e.app, e.boot, e.request) if since_s is not None else []
    return [w for w in mine if w.outcome == "ok" and w.at_s >= (since_s or 0.0)]


def _slower_by_health(e: RegainsLatency, history: History) -> float:
    """How many times as slow health became: the median time of its answers after the recovery
    divided by the median before the fault; at least 1.
    """
    since_s, until_s = well_s(history, e.app, e.boot), first_fault_s(history)
    again_s = _recovered_s(e, history)
    if since_s is None or again_s is None:
        return 1.0
    seen = samples(history, e.app, e.boot)
    before = [s.took_s for s in seen if s.at_s >= since_s and answered_s(s) < until_s]
    after = [s.took_s for s in seen if s.at_s >= again_s]
    return max(1.0, median(after) / median(before)) if before and after else 1.0


def chance_of(before: Sequence[float], after: Sequence[float]) -> float:
    """The one-sided p of the Mann-Whitney test: that `after` is larger than `before` by chance.

    It uses the normal approximation of U, corrected for ties and for continuity. It is meant for
    eight or more values on each side.
    """
    n, m = len(before), len(after)
    ordered = sorted([*before, *after])
    counts = Counter(ordered)
    rank_of, passed_by = {}, 0
    for value in dict.fromkeys(ordered):
        rank_of[value] = passed_by + (counts[value] + 1) / 2
        passed_by += counts[value]
    u = sum(rank_of[value] for value in after) - m * (m + 1) / 2
    total = n + m
    ties = sum(count**3 - count for count in counts.values()) / (total * (total - 1))
    spread = math.sqrt(n * m / 12 * (total + 1 - ties))
    if spread == 0:
        return 1.0  # all values are equal
    return 1.0 - NormalDist().cdf((u - n * m / 2 - 0.5) / spread)


def _times(took_s: Sequence[float]) -> dict[str, float]:
    p95_s = quantiles(took_s, n=20, method="inclusive")[-1] if len(took_s) > 1 else took_s[0]
    return {"median_s": median(took_s), "p95_s": p95_s, "count": len(took_s)}
