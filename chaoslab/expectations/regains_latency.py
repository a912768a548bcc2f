"""Latency after a recovery, held against the same run's own baseline. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median, quantiles
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import (
    answered_s,
    exited,
    healthy_since,
    last_healed_s,
    run_ended,
    samples,
)
from chaoslab.evidence.traffic import first_fault_s, load_writes, over_s, well_s
from chaoslab.evidence.writing import LOOKED_S, dry_s, more_of
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import Write
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code

LEAST_S = 0.02  # slower by less than this is the machine's own noise, whatever the ratio
CHANCE = 0.01  # the one-sided p below which a difference is not taken for chance

NO_FAULT = Code(
    "latency.no_fault",
    "the plan has no fault to recover from",
    "Without a fault there is no time before it and none after its recovery.",
)
NOT_RECOVERED = Code(
    "latency.not_recovered",
    "health was not observed to stay healthy after the last heal",
    "The time after the recovery, which is compared with the time before the fault, never began.",
)
FEW = Code(
    "latency.few_writes",
    "{before} acknowledged writes before the fault, {after} after it; "
    "{at_least} of each are required",
    "Too few writes on one side to compare how long they took.",
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
    "Writes take longer than before by more than the ratio, than noise, and than chance explains.",
)
HEALTH_SLOWER = Code(
    "latency.health_slower",
    "health itself is {times:.1f} times as slow: this may be the machine",
    "The answers of health became slower as well, which explains as much of the difference.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegainsLatency(Expectation):
    """After its recovery the app's writes are as fast as before the fault: their distribution is
    compared with the baseline of the same run. `ratio` is how much slower the median may be.
    """

    ratio: float = 3.0
    at_least: int = 20
    boot: int = 1
    kind: Literal["regains_latency"] = "regains_latency"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 1, at_least=self.at_least)
        if not self.ratio > 0:
            yield needs.wrong(place, "ratio", self.ratio, "more than 0")

    @property
    def needs_writes(self) -> bool:
        return True

    def longest_s(self, place: Place) -> float:
        return self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        return regains_latency(self, run.plan, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return _under_way(self, run, now_s)


def regains_latency(e: RegainsLatency, plan: Plan, history: History) -> Verdict:
    """After the recovery acknowledged writes take as long as before the first fault.

    Slower means all three: the medians' ratio beyond the bound, more than 0.02 s between them, and
    a one-sided Mann-Whitney test that leaves less than 1 % to chance. Health is the control: where
    its answers have become slower as well, as much as that is needed for it, nobody can tell the
    app from a machine that others have begun to use.
    """
    claim = f"after its recovery {e.app} acknowledges writes at most {e.ratio:g} times as slowly"
    if not plan.faults:
        return unknown(e.kind, claim, NO_FAULT())
    if recovered_s(e, history) is None:
        return unknown(e.kind, claim, NOT_RECOVERED())
    before = [w.took_s for w in baseline(e, history)]
    after = [w.took_s for w in candidate(e, history)]
    if min(len(before), len(after)) < e.at_least:
        few = FEW(before=len(before), after=len(after), at_least=e.at_least)
        return unknown(e.kind, claim, few)
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown(e.kind, claim, CUT_SHORT())
    both = (BEFORE(**_times(before)), AFTER(**_times(after)))
    slower_s, p = median(after) - median(before), chance_of(before, after)
    if median(after) <= e.ratio * median(before) or slower_s <= LEAST_S or p >= CHANCE:
        return passed(e.kind, claim, *both)
    slower = SLOWER(times=median(after) / median(before), p=p)
    by_health = _slower_by_health(e, history)
    if median(after) <= e.ratio * by_health * median(before):
        return unknown(e.kind, claim, slower, HEALTH_SLOWER(times=by_health), *both)
    return failed(e.kind, claim, slower, *both)


def recovered_s(e: RegainsLatency, history: History) -> float | None:
    """From when health was healthy for good after the last heal; None where it never was."""
    healed_s = last_healed_s(history)
    since = None if healed_s is None else healthy_since(history, e.app, e.boot, healed_s)
    return answered_s(since) if since else None


def baseline(e: RegainsLatency, history: History) -> list[Write]:
    """The acknowledged writes that were sent since it was well and over before any fault."""
    since_s, until_s = well_s(history, e.app, e.boot), first_fault_s(history)
    mine = load_writes(history, e.app, e.boot) if since_s is not None else []
    ok = (w for w in mine if w.outcome == "ok" and w.at_s >= (since_s or 0.0))
    return [w for w in ok if over_s(w) < until_s]


def candidate(e: RegainsLatency, history: History) -> list[Write]:
    """The acknowledged writes that were sent after the recovery."""
    since_s = recovered_s(e, history)
    mine = load_writes(history, e.app, e.boot) if since_s is not None else []
    return [w for w in mine if w.outcome == "ok" and w.at_s >= (since_s or 0.0)]


def _slower_by_health(e: RegainsLatency, history: History) -> float:
    """How many times as slow health's answers are after the recovery; 1 where they are not."""
    since_s, until_s = well_s(history, e.app, e.boot), first_fault_s(history)
    again_s = recovered_s(e, history)
    if since_s is None or again_s is None:
        return 1.0
    seen = samples(history, e.app, e.boot)
    before = [s.took_s for s in seen if s.at_s >= since_s and answered_s(s) < until_s]
    after = [s.took_s for s in seen if s.at_s >= again_s]
    return max(1.0, median(after) / median(before)) if before and after else 1.0


def chance_of(before: Sequence[float], after: Sequence[float]) -> float:
    """The one-sided p of `after` being larger than `before` by chance alone.

    Mann and Whitney's U by its normal approximation, with the corrections for ties and for
    continuity; meant for eight or more of each.
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
        return 1.0  # all are alike
    return 1.0 - NormalDist().cdf((u - n * m / 2 - 0.5) / spread)


def _times(took_s: Sequence[float]) -> dict[str, float]:
    p95_s = quantiles(took_s, n=20, method="inclusive")[-1] if len(took_s) > 1 else took_s[0]
    return {"median_s": median(took_s), "p95_s": p95_s, "count": len(took_s)}


def _under_way(e: RegainsLatency, run: Run, now_s: float) -> str | None:
    """Wait for enough writes after the recovery, where there were enough before the fault."""
    plan, history, recovery_s = run.plan, run.history, run.app(e.app).deadlines.recovery_s
    healed_s, since_s = last_healed_s(history), recovered_s(e, history)
    if exited(history, e.app, e.boot) is not None:
        return None
    if healed_s is None or len(baseline(e, history)) < e.at_least:
        return None
    if since_s is None:
        return f"the recovery of {e.app}" if now_s <= healed_s + recovery_s + LOOKED_S else None
    return more_of(candidate(e, history), e.at_least, [since_s], now_s, dry_s(e.app, plan))
