"""`serves`: once ready, and with no fault near, the app acknowledges every write in time. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.served import Served, fresh, half, is_enough, loads_over, served
from chaoslab.evidence.timeline import exited
from chaoslab.evidence.traffic import (
    IN_A_ROW,
    NEVER_READY,
    near_faults,
    one_after_another,
    over_s,
    response,
    response_text,
)
from chaoslab.evidence.writing import dry_s, loads_begin_s, more_of, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NOT_ACKNOWLEDGED = Code(
    "serve.not_acknowledged",
    lambda data: (
        f"{data['count']} of {data['writes']} writes were not acknowledged after the app answered "
        f"ready, with no fault near; the first at {data['at_s']:.3f} s: {response_text(data)}"
    ),
    "Writes failed although the app was ready and no fault was near.",
    data=("count", "writes", "at_s", "status_code", "answer", "error"),
)
LATE_IN_A_ROW = Code(
    "serve.late_in_a_row",
    "{count} writes, one after another, were acknowledged only after {took_s:.3f} s; the first at "
    "{at_s:.3f} s",
    "Several writes in a row, each sent after the one before was answered, were acknowledged late.",
)
FEW = Code(
    "serve.few",
    "only {count} writes were acknowledged after the app answered ready, with no fault near, "
    "expected at least {at_least}",
    "Fewer writes were acknowledged with no fault near than the claim requires.",
)
NOT_HEALED = Code(
    "serve.fault_not_healed",
    "a fault was not healed while the app ran, so nothing shows how the app serves afterwards",
    "There is no time after the faults in which the app could be observed.",
)


def _load_over_text(data: Mapping[str, Any]) -> str:
    each = zip(data["loads"], data["stopped_s"], strict=True)
    stopped = ", ".join(f"{load} stopped at {at_s:.3f} s" for load, at_s in each)
    return f"no load ran after the last heal and the time to recover: {stopped}"


LOAD_OVER = Code(
    "serve.load_over",
    _load_over_text,
    "Every load of the app had stopped before the time after the faults began.",
    data=("loads", "stopped_s"),
)
FEW_AFTER = Code(
    "serve.few_after_faults",
    "only {count} writes were sent after the last heal and the time to recover, expected "
    "{after_heal}",
    "Fewer writes were sent after the last heal and the time to recover than are required.",
)
FEW_FRESH = Code(
    "serve.few_fresh",
    "only {count} writes after the last heal were sent on fresh connections, expected {at_least}",
    "Too few writes were sent on fresh connections. Writes on kept connections may all reach one "
    "worker that has recovered.",
)


def _all_text(data: Mapping[str, Any]) -> str:
    late = f", {data['late']} of them late" if data["late"] else ""
    slowest = f"the slowest after {data['slowest_s']:.3f} s"
    return f"all {data['count']} writes acknowledged{late}, {slowest}"


ALL_ACKNOWLEDGED = Code(
    "serve.all_acknowledged",
    _all_text,
    "Every write that counts was acknowledged. `late` is how many of them after `within_s`.",
    data=("count", "late", "slowest_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves(OfRequest):
    """Once the app has answered ready, and while no fault is near, every write of the load is
    acknowledged within `within_s`. At least `at_least` writes are required.

    A fault is near from its request until `recovery_s`, a deadline of the app, after its heal. In a
    plan with faults at least `after_heal` writes must be sent after the last fault is no longer
    near, half of them on new connections; so every fault needs a `stop`.
    """

    within_s: float = 1.0
    at_least: int = 10
    after_heal: int = 50
    boot: int = 1
    kind: Literal["serves"] = "serves"

    over_boots: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 1, at_least=self.at_least, after_heal=self.after_heal)

    def longest_s(self, place: Place) -> float:
        rate = needs.slowest_rate(self.app, place.plan)
        longest_s = self.within_s + self.at_least / rate
        if not place.plan.faults:
            return longest_s
        recovery_s = place.topology.apps[self.app].deadlines.recovery_s
        return longest_s + recovery_s + self.after_heal / rate

    def judged(self, run: Run) -> Verdict:
        """The verdict. One or two late acknowledgements do not fail the claim. Three in a row do:
        each write was sent after the answer to the one before, and none between them was in time.
        """
        history, recovery_s = run.history, run.app(self.app).deadlines.recovery_s
        claim = (
            f"{self.app}, once ready and with no fault near, acknowledges every write within "
            f"{self.within_s} s (at least {self.at_least})"
        )
        found = served(self, history, recovery_s)
        if found is None:
            return unknown(self.kind, claim, NEVER_READY())
        if found.calm_s is not None:
            claim += f", {self.after_heal} of them after the last heal and {recovery_s} s"
        counts = tuple(found.counts())
        if wrong := _wrong(self, found.writes):
            return failed(self.kind, claim, wrong, *counts)
        ok = len(found.writes)
        if ok < self.at_least:
            return unknown(self.kind, claim, FEW(count=ok, at_least=self.at_least), *counts)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), *counts)
        if missing := _too_few_after(self, found, run.plan, history):
            return unknown(self.kind, claim, missing, *counts)
        return passed(self.kind, claim, _all_acknowledged(self, found.writes), *counts)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: `at_least` acknowledged writes that count,
        then `after_heal` writes after the last heal, whether they are acknowledged or not. None if
        nothing.
        """
        plan, history, limits = run.plan, run.history, run.app(self.app).deadlines
        if exited(history, self.app, self.boot) is not None:
            return None
        startup_s, recovery_s = limits.startup_s, limits.recovery_s
        found = served(self, history, recovery_s)
        counted = found.writes if found else ()
        ok = [w for w in counted if w.outcome == "ok"]
        ends_s = (span.end_s for span in near_faults(history, recovery_s))
        begins_s = [*loads_begin_s(self.app, plan, history), *(s for s in ends_s if s < math.inf)]
        if not ok:
            begins_s.append(started_by_s(self.app, history, startup_s))
        pause_s = dry_s(self.app, plan)
        if what := more_of(ok, self.at_least, begins_s, now_s, pause_s):
            return what
        if found is None or found.calm_s is None or found.calm_s == math.inf:
            return None
        after = found.after
        if is_enough(after, self.after_heal) or loads_over(self, plan, history, found.calm_s):
            return None
        newest_s = max([*map(over_s, after), *begins_s, found.calm_s])
        left = f"writes after the last heal ({len(after)} of {self.after_heal})"
        return left if now_s <= newest_s + pause_s else None


def _wrong(e: Serves, counted: Sequence[Request]) -> Reason | None:
    """The reason that names the writes that contradict the claim; None if there are none."""
    if bad := [w for w in counted if w.outcome != "ok"]:
        first = bad[0]
        return NOT_ACKNOWLEDGED(
            count=len(bad), writes=len(counted), at_s=first.at_s, **response(first)
        )
    if late := _late_in_a_row(counted, e.within_s):
        took_s = [w.took_s for w in late]
        return LATE_IN_A_ROW(count=len(late), took_s=took_s, at_s=late[0].at_s)
    return None


def _too_few_after(e: Serves, found: Served, plan: Plan, history: History) -> Reason | None:
    """The reason why there are too few writes after the faults to judge; None if there are enough,
    or if there was no fault.
    """
    if found.calm_s is None:
        return None
    if found.calm_s == math.inf:
        return NOT_HEALED()
    after = found.after
    if is_enough(after, e.after_heal):
        return None
    if over := loads_over(e, plan, history, found.calm_s):
        return LOAD_OVER(loads=tuple(over), stopped_s=tuple(over.values()))
    if len(after) < e.after_heal:
        return FEW_AFTER(count=len(after), after_heal=e.after_heal)
    return FEW_FRESH(count=fresh(after), at_least=half(e.after_heal))


def _all_acknowledged(e: Serves, ok: Sequence[Request]) -> Reason:
    late = sum(w.took_s > e.within_s for w in ok)
    return ALL_ACKNOWLEDGED(count=len(ok), late=late, slowest_s=max(w.took_s for w in ok))


def _late_in_a_row(ok: Sequence[Request], within_s: float) -> list[Request]:
    """The first three writes that were late in a row; empty if there are none."""
    row: list[Request] = []
    for write in ok:
        if write.took_s <= within_s:
            row = []
            continue
        row = one_after_another([*row, write])
        if len(row) == IN_A_ROW:
            return row
    return []
