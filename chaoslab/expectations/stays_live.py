"""`stays_live`: liveness answers 2xx in time, whatever is down. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.answering import (
    NOT_2XX,
    all_of,
    meanwhile,
    no_answer_yet,
    row_of,
    unwatched,
)
from chaoslab.evidence.probes import in_a_row, watch_under_way, watched
from chaoslab.evidence.questions import own_questions
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.verdict import Verdict, failed, passed, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysLive(Expectation):
    """Liveness answers 2xx within the prober's time limit, whatever is down.

    The claim is judged from the app's first answer on. It fails if so many requests in a row get no
    2xx in time that the prober would restart the app.
    """

    boot: int = 1
    kind: Literal["stays_live"] = "stays_live"

    watches: ClassVar[frozenset[Watch]] = frozenset({"liveness"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_path(place, self, "live_path")

    def judged(self, run: Run) -> Verdict:
        history, contract = run.history, run.app(self.app).health
        limit_s, cadence_s = contract.prober_timeout_s, run.plan.sampling.prober_cadence_s
        since = "from the app's first answer on"
        claim = f"liveness of {self.app} answers 2xx within {limit_s} s {since}"
        seen = watched(self.app, self.boot, contract, history)
        own = own_questions(self, history)
        if silent := no_answer_yet(seen, "liveness", contract):
            return failed(self.kind, claim, silent, *own)
        probes = seen.of("liveness")
        bad = [p for p in probes if not p.good]
        if misses := in_a_row(bad, probes, contract.prober_failures):
            others = meanwhile(misses, seen, contract)
            because = filter(None, (row_of(misses, NOT_2XX, limit_s), others))
            return failed(self.kind, claim, *because, *own)
        if unseen := unwatched(self, seen, {"liveness": cadence_s}, history):
            return unknown(self.kind, claim, unseen)
        return passed(self.kind, claim, all_of(probes, bad), *own)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        startup_s = run.app(self.app).deadlines.startup_s
        return watch_under_way(self, ("live",), run.plan, run.history, now_s, startup_s=startup_s)
