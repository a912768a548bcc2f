"""`answers_in_time`: health and readiness give an answer of any kind in time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

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
from chaoslab.expectations.base import Expectation, Run
from chaoslab.model.expectation import Watch
from chaoslab.model.health import HealthContract
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersInTime(Expectation):
    """Health and readiness give an answer of any kind within the prober's time limit.

    The claim is judged from the app's first answer on. It fails if so many requests in a row get no
    answer in time that the prober would restart the app.
    """

    boot: int = 1
    kind: Literal["answers_in_time"] = "answers_in_time"

    watches: ClassVar[frozenset[Watch]] = frozenset({"readiness"})

    def judged(self, run: Run) -> Verdict:
        sampling, history = run.plan.sampling, run.history
        contract = run.app(self.app).health
        cadence_s = {"health": sampling.cadence_s}
        if contract.ready_path is not None:
            cadence_s["readiness"] = sampling.prober_cadence_s
        paths, limit_s = " and ".join(cadence_s), contract.prober_timeout_s
        claim = f"{self.app} gives an answer of any kind on {paths} within {limit_s} s"
        seen = watched(self.app, self.boot, contract, history)
        own = own_questions(self, history)
        if silent := no_answer_yet(seen, "health", contract):
            return failed(self.kind, claim, silent, *own)
        if late := _too_late(seen, cadence_s, contract):
            return failed(self.kind, claim, *late, *own)
        if unseen := unwatched(self, seen, cadence_s, history):
            return unknown(self.kind, claim, unseen)
        each = (all_of(probes, _missed(probes)) for probes in map(seen.of, cadence_s))
        return passed(self.kind, claim, *each, *own)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        startup_s = run.app(self.app).deadlines.startup_s
        return watch_under_way(
            self, ("health", "ready"), run.plan, run.history, now_s, startup_s=startup_s
        )


def _too_late(seen: Watched, paths: Iterable[str], contract: HealthContract) -> list[Reason]:
    """The reasons of a failure: for each path on which so many requests in a row got no answer that
    the prober would act, the misses, and how the other paths answered in that time. Empty if there
    is no such path.
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
