"""From topology, plan and history to verdicts. Nothing else is read; nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from chaoslab.history.events import LabLag, ProbeCrashed, RunEnded
from chaoslab.history.journal import History
from chaoslab.spec.expect import (
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.spec.plan import Plan
from chaoslab.spec.topology import Topology
from chaoslab.verdicts.boot import fails_fast, starts
from chaoslab.verdicts.degraded import degrades, stays_available
from chaoslab.verdicts.evidence import Evidence, evidence_of
from chaoslab.verdicts.recovery import first_request_served, keeps_acknowledged, recovers
from chaoslab.verdicts.verdict import Outcome, Verdict, worst

MAX_LAG_S = 0.5  # a lab that woke later than this cannot tell the app's time from its own


def judge(topology: Topology, plan: Plan, history: History) -> tuple[Verdict, ...]:
    """One verdict for each expectation of the plan, each weighed against its evidence.

    A verdict is UNKNOWN, whatever the app did, where a fault that it rests on is not shown to have
    met the app, a probe crashed, the lab itself lagged, or the history has no end.
    """
    evidence = {fault.label: evidence_of(fault, topology, history) for fault in plan.faults}
    unsound = _unsound(history)
    return tuple(_weighed(e, _judged(e, topology, history), evidence, unsound) for e in plan.expect)


def outcome_of(verdicts: tuple[Verdict, ...]) -> Outcome:
    """The worst of a run's verdicts; UNKNOWN where a plan expected nothing."""
    return worst(verdict.outcome for verdict in verdicts)


def _judged(e: Expectation, topology: Topology, history: History) -> Verdict:
    match e:
        case Starts():
            return starts(e, history)
        case FailsFast():
            return fails_fast(e, history)
        case Degrades():
            return degrades(e, topology, history)
        case Recovers():
            return recovers(e, history)
        case KeepsAcknowledged():
            return keeps_acknowledged(e, history)
        case FirstRequestServed():
            return first_request_served(e, history)
        case StaysAvailable():
            return stays_available(e, history)
    assert_never(e)


def _weighed(
    e: Expectation, verdict: Verdict, evidence: Mapping[str, Evidence], unsound: str
) -> Verdict:
    rests_on = e.rests_on or ()
    bites = tuple(line for name in rests_on for line in _lines(evidence[name]))
    verdict = replace(verdict, rests_on=rests_on, because=(*verdict.because, *bites))
    why = unsound or next((_gap(evidence[name]) for name in rests_on if not evidence[name].bit), "")
    if not why and isinstance(e, Degrades) and e.fault in rests_on:
        unmet = [name for name in e.naming if not evidence[e.fault].met(name)]
        why = f"{e.fault} is not shown to have met the link to {', '.join(unmet)}" if unmet else ""
    if not why:
        return verdict
    because = (why, f"(the app alone would be judged {verdict.outcome.value})", *verdict.because)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=because)


def _lines(evidence: Evidence) -> list[str]:
    return [
        f"{evidence.fault} bit on {link}: {line}"
        for link, lines in evidence.per_link.items()
        for line in lines
    ]


def _gap(evidence: Evidence) -> str:
    return f"{evidence.fault} is not shown to have met the app: {evidence.missing}"


def _unsound(history: History) -> str:
    """Why no verdict of this history can be trusted; empty where there is no reason."""
    if crashed := history.first(ProbeCrashed):
        return f"the probe '{crashed.probe}' crashed: {crashed.error}"
    lag_s = max((lag.late_s for lag in history.of(LabLag)), default=0.0)
    if lag_s > MAX_LAG_S:
        return f"the lab itself woke {lag_s:.3f} s late: this machine is too slow to judge"
    if history.first(RunEnded) is None:
        return "the history has no end: the run was cut short"
    return ""
