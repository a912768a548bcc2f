"""`fails_liveness_when_stuck`: liveness fails for a stuck process, and only then. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.answering import NOT_2XX, all_of, meanwhile, no_answer_yet, row_of, unwatched
from chaoslab.evidence.probes import Probe, Watched, in_a_row, watch_under_way, watched
from chaoslab.evidence.questions import own_questions
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import exited, last_healed_s
from chaoslab.evidence.traffic import NEVER_READY, load_requests, near_faults, over_s, ready_s
from chaoslab.evidence.writing import dry_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import Request
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.values import above
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

STUCK = Code(
    "liveness.stuck",
    "stuck: from {from_s:.3f} to {until_s:.3f} s none of {count} requests was served, and no fault "
    "was near",
    "After the last heal and the time to recover, the app served no request for so long that it "
    "counts as stuck.",
)
BLIND = Code(
    "liveness.blind",
    "liveness did not fail until {until_s:.3f} s: {good} of {asked} answers were 2xx in time",
    "The app was stuck, and liveness did not fail so often in a row that a platform would restart "
    "the app.",
)
NOT_STUCK = Code(
    "liveness.not_stuck",
    "not stuck: from {from_s:.3f} s on {served} of {count} requests were served, and no fault was "
    "near",
    "The app served requests after the last heal and the time to recover: liveness must not fail.",
)
FEW = Code(
    "liveness.few_requests",
    "only {count} requests were sent with no fault near, expected at least {at_least} over "
    "{stuck_s:g} s or more",
    "There are too few requests, over too short a time, to tell whether the app was stuck.",
)
NOT_KNOWN = Code(
    "liveness.not_known_why",
    "no request was served after that, so it is not known whether the process was stuck",
    "Liveness failed after the last request that was served. The run ended too soon to tell "
    "whether the process was stuck.",
)
NOT_HEALED = Code(
    "liveness.fault_not_healed",
    "a fault was not healed while the app ran, so nothing shows whether it was stuck afterwards",
    "There is no time after the faults in which a stuck app could be told from a lost service.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsLivenessWhenStuck(OfRequest):
    """Liveness fails if the process is stuck, and only then: a lost service is no reason to restart
    a process, and a stuck process is not helped by anything else.

    The process counts as stuck if, after the last heal and the app's `recovery_s`, no request of
    the load is served for `stuck_s` seconds, with at least `at_least` of them. Liveness must then
    fail, as often in a row as a platform's prober requires, at most `within_s` seconds later. At
    any other time it must not fail so.
    """

    stuck_s: float = 5.0
    within_s: float = 5.0
    at_least: int = 10
    boot: int = 1
    kind: Literal["fails_liveness_when_stuck"] = "fails_liveness_when_stuck"

    watches: ClassVar[frozenset[Watch]] = frozenset({"liveness"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_path(place, self, "live_path")
        yield from needs.a_load(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 1, at_least=self.at_least)
        yield from above(place.where, 0, stuck_s=self.stuck_s)

    def longest_s(self, place: Place) -> float:
        recovery_s = place.topology.apps[self.app].deadlines.recovery_s
        rate_s = self.at_least / needs.slowest_rate(self.app, place.plan)
        return recovery_s + max(self.stuck_s, rate_s) + self.within_s

    def judged(self, run: Run) -> Verdict:
        history, contract = run.history, run.app(self.app).health
        claim = (
            f"liveness of {self.app} fails within {self.within_s:g} s if no request is served for "
            f"{self.stuck_s:g} s with no fault near, and only then"
        )
        limit_s = contract.prober_timeout_s
        seen = watched(self.app, self.boot, contract, history)
        own = own_questions(self, history)
        if silent := no_answer_yet(seen, "liveness", contract):
            return failed(self.kind, claim, silent, *own)
        calm_s = self._calm_s(run)
        if calm_s is None:
            return unknown(self.kind, claim, NEVER_READY())
        served_s = self._last_served_s(run)
        probes = seen.of("liveness")
        if misses := _row([p for p in probes if p.at_s < served_s], contract.prober_failures):
            others = meanwhile(misses, seen, contract)
            because = filter(None, (row_of(misses, NOT_2XX, limit_s), others))
            return failed(self.kind, claim, *because, *own)
        if calm_s == math.inf:
            return unknown(self.kind, claim, NOT_HEALED())
        requests = self._after(run, calm_s)
        served = sum(r.outcome == "ok" for r in requests)
        if not served:
            return self._of_stuck(run, claim, requests, seen, own)
        well = NOT_STUCK(served=served, count=len(requests), from_s=calm_s)
        if misses := _row([p for p in probes if p.at_s >= served_s], contract.prober_failures):
            return unknown(self.kind, claim, row_of(misses, NOT_2XX, limit_s), NOT_KNOWN(), well)
        cadence_s = run.plan.sampling.prober_cadence_s
        if unseen := unwatched(self, seen, {"liveness": cadence_s}, history):
            return unknown(self.kind, claim, unseen, well)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), well)
        bad = [p for p in probes if not p.good]
        return passed(self.kind, claim, well, all_of(probes, bad), *own)

    def _of_stuck(
        self,
        run: Run,
        claim: str,
        requests: Sequence[Request],
        seen: Watched,
        own: Sequence[Reason],
    ) -> Verdict:
        """The verdict on an app that served none of the `requests` sent after the faults.

        It may have been stuck since the last request that it served. Misses before the last heal
        show nothing: a service was lost then.
        """
        lasted_s = over_s(requests[-1]) - requests[0].at_s if requests else 0.0
        if len(requests) < self.at_least or lasted_s < self.stuck_s:
            few = FEW(count=len(requests), at_least=self.at_least, stuck_s=self.stuck_s)
            return unknown(self.kind, claim, few)
        contract, from_s = run.app(self.app).health, requests[0].at_s
        stuck = STUCK(from_s=from_s, until_s=over_s(requests[-1]), count=len(requests))
        due_s = from_s + self.stuck_s + self.within_s
        since_s = max(self._last_served_s(run), last_healed_s(run.history) or 0.0)
        asked = [p for p in seen.of("liveness") if p.at_s >= since_s and p.over_s <= due_s]
        if misses := _row(asked, contract.prober_failures):
            row = row_of(misses, NOT_2XX, contract.prober_timeout_s)
            return passed(self.kind, claim, stuck, row, *own)
        if seen.until_s < due_s:
            return unknown(self.kind, claim, CUT_SHORT(), stuck)
        blind = BLIND(until_s=due_s, good=sum(p.good for p in asked), asked=len(asked))
        return failed(self.kind, claim, stuck, blind, *own)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: a served request after the last heal, or
        the time in which liveness of a stuck process must fail. None if nothing.
        """
        history, startup_s = run.history, run.app(self.app).deadlines.startup_s
        under_way = watch_under_way(self, ("live",), run.plan, history, now_s, startup_s=startup_s)
        if under_way or exited(history, self.app, self.boot) is not None:
            return under_way
        calm_s = self._calm_s(run)
        if calm_s is None or calm_s == math.inf:
            return None
        requests = self._after(run, calm_s)
        if any(r.outcome == "ok" for r in requests):
            return None
        begun_s = requests[0].at_s if requests else calm_s + dry_s(self.app, run.plan)
        due_s = begun_s + self.stuck_s + self.within_s if requests else begun_s
        return None if now_s > due_s + run.plan.sampling.timeout_s else f"{self.app} to serve"

    def _calm_s(self, run: Run) -> float | None:
        """The time from which on no fault is near; that of the first ready answer if there was no
        fault. None if the app was never ready.
        """
        since_s = ready_s(run.history, self.app, self.boot)
        near = near_faults(run.history, run.app(self.app).deadlines.recovery_s)
        return since_s if since_s is None else max([since_s, *(span.end_s for span in near)])

    def _last_served_s(self, run: Run) -> float:
        """When the last served request was sent. Minus infinity if none was served."""
        sent = load_requests(run.history, self.app, self.boot, self.request)
        return max((r.at_s for r in sent if r.outcome == "ok"), default=-math.inf)

    def _after(self, run: Run, calm_s: float) -> list[Request]:
        sent = load_requests(run.history, self.app, self.boot, self.request)
        return [r for r in sent if r.at_s >= calm_s]


def _row(probes: list[Probe], failures: int) -> list[Probe]:
    return in_a_row([p for p in probes if not p.good], probes, failures)
