"""Liveness is answered well, whatever is down. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.load import Sampling
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysLive(Expectation):
    """From its first answer on liveness answers 2xx within the prober's limit, whatever is down:
    never as many misses in a row as make the prober act.
    """

    boot: int = 1
    kind: Literal["stays_live"] = "stays_live"

    @property
    def watches(self) -> frozenset[Watch]:
        return frozenset({"liveness"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_path(place, self, "live_path")

    def judged(self, run: Run) -> Verdict:
        return stays_live(self, run.app(self.app), run.plan.sampling, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        startup_s = run.app(self.app).deadlines.startup_s
        return watch_under_way(self, ("live",), run.plan, run.history, now_s, startup_s=startup_s)


def stays_live(e: StaysLive, app: App, sampling: Sampling, history: History) -> Verdict:
    """Liveness answers 2xx within the prober's limit, from the first answer of any path on."""
    contract = app.health
    limit_s = contract.prober_timeout_s
    claim = f"liveness of {e.app} answers 2xx within {limit_s} s from the app's first answer on"
    seen = watched(e.app, e.boot, contract, history)
    own = own_questions(e, history)
    if silent := no_answer_yet(seen, "liveness", contract):
        return failed(e.kind, claim, silent, *own)
    probes = seen.of("liveness")
    bad = [p for p in probes if not p.good]
    if misses := in_a_row(bad, probes, contract.prober_failures):
        others = meanwhile(misses, seen, contract)
        because = filter(None, (row_of(misses, NOT_2XX, limit_s), others))
        return failed(e.kind, claim, *because, *own)
    if unseen := unwatched(e, seen, {"liveness": sampling.prober_cadence_s}, history):
        return unknown(e.kind, claim, unseen)
    return passed(e.kind, claim, all_of(probes, bad), *own)
