"""Health and readiness answer in time, whatever they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.probes import (
    all_of,
    in_a_row,
    meanwhile,
    no_answer,
    own_questions,
    times,
    unwatched,
    watch_under_way,
    watched,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.load import Sampling
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersInTime(Expectation):
    """Health and readiness answer, whatever they say, within the prober's limit from the first
    answer on: never as many too late in a row as make the prober act.
    """

    boot: int = 1
    kind: Literal["answers_in_time"] = "answers_in_time"

    @property
    def watches(self) -> frozenset[Watch]:
        return frozenset({"readiness"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)

    def judged(self, run: Run) -> Verdict:
        return answers_in_time(self, run.app(self.app), run.plan.sampling, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        startup_s = run.app(self.app).deadlines.startup_s
        return watch_under_way(
            self, ("health", "ready"), run.plan, run.history, now_s, startup_s=startup_s
        )


def answers_in_time(e: AnswersInTime, app: App, sampling: Sampling, history: History) -> Verdict:
    """Health and readiness give an answer of any kind within the prober's limit."""
    contract = app.health
    limit = f"{contract.prober_timeout_s} s"
    cadence_s = {"health": sampling.cadence_s}
    if contract.ready_path is not None:
        cadence_s["readiness"] = sampling.prober_cadence_s
    claim = f"{e.app} answers {' and '.join(cadence_s)} within {limit}, whatever it says"
    seen = watched(e.app, e.boot, contract, history)
    own = own_questions(e, history)
    if mute := no_answer(seen, "health", contract):
        return failed(e.kind, claim, mute, *own)
    wrong = []
    for path in cadence_s:
        probes = seen.of(path)
        missed = [p for p in probes if not p.heard]
        if misses := in_a_row(missed, probes, contract.prober_failures):
            wrong.append(f"{path} gave no answer within {limit} {times(misses)}")
            told = meanwhile(misses, seen, contract)
            wrong += [line for line in told if line not in wrong]
    if wrong:
        return failed(e.kind, claim, *wrong, *own)
    if unseen := unwatched(e, seen, cadence_s, history):
        return unknown(e.kind, claim, *unseen)
    each = (all_of(seen.of(path), "answers") for path in cadence_s)
    return passed(e.kind, claim, *each, *own)
