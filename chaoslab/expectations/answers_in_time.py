"""Health and readiness answer in time, whatever they say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.answering import (
    NO_ANSWER,
    all_of,
    meanwhile,
    no_answer_yet,
    row_of,
    unwatched,
)
from chaoslab.evidence.probes import Probe, Watched, in_a_row, watch_under_way, watched
from chaoslab.evidence.questions import own_questions
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Reason


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
    cadence_s = {"health": sampling.cadence_s}
    if contract.ready_path is not None:
        cadence_s["readiness"] = sampling.prober_cadence_s
    limit = f"within {contract.prober_timeout_s} s"
    claim = f"{e.app} gives an answer of any kind on {' and '.join(cadence_s)} {limit}"
    seen = watched(e.app, e.boot, contract, history)
    own = own_questions(e, history)
    if silent := no_answer_yet(seen, "health", contract):
        return failed(e.kind, claim, silent, *own)
    if late := _too_late(seen, cadence_s, contract):
        return failed(e.kind, claim, *late, *own)
    if unseen := unwatched(e, seen, cadence_s, history):
        return unknown(e.kind, claim, unseen)
    each = (all_of(probes, _missed(probes)) for probes in map(seen.of, cadence_s))
    return passed(e.kind, claim, *each, *own)


def _too_late(seen: Watched, paths: Iterable[str], contract: HealthContract) -> list[Reason]:
    """Each path that gave no answer so often in a row that the prober acts, and what the other
    paths did then.
    """
    late: list[Reason] = []
    for path in paths:
        probes = seen.of(path)
        if misses := in_a_row(_missed(probes), probes, contract.prober_failures):
            late.append(row_of(misses, NO_ANSWER, contract.prober_timeout_s))
            others = meanwhile(misses, seen, contract)
            if others is not None and others not in late:
                late.append(others)
    return late


def _missed(probes: list[Probe]) -> list[Probe]:
    return [p for p in probes if not p.heard]
