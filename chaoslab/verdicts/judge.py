"""From topology, plan and history to verdicts. Nothing else is read; nothing runs."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.evidence.starvation import starved
from chaoslab.expectations.base import Expectation, Run, with_startup
from chaoslab.faults.evidence import NOT_IN_PLAN, Evidence, evidence_of
from chaoslab.history.events import LeftRunning
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Outcome, Verdict, unknown, worst
from chaoslab.verdicts.bypass import weighed_by_path
from chaoslab.verdicts.carried_out import weighed_by_triggers
from chaoslab.verdicts.soundness import disabled, late, unsound


def judge(topology: Topology, plan: Plan, history: History) -> tuple[Verdict, ...]:
    """One verdict for each expectation of the plan, each weighed against its evidence.

    A verdict is UNKNOWN, whatever the app did, where a fault that it rests on was not observed to
    affect the app, a probe crashed, the lab itself lagged, a part of it failed, or the history has
    no end. So is a failure that a starved machine may have made, and a PASS where the app went past
    the proxy of a link that it is about, or where a trigger of the plan never came. One by count
    does not rest on time.
    """
    run = Run(topology=topology, plan=plan, history=history)
    return tuple(_verdict(e, run) for e in plan.expect)


def outcome_of(verdicts: tuple[Verdict, ...]) -> Outcome:
    """The worst of a run's verdicts; UNKNOWN where a plan expected nothing."""
    return worst(verdict.outcome for verdict in verdicts)


def _verdict(e: Expected, run: Run) -> Verdict:
    if not isinstance(e, Expectation):
        return unknown(e.kind, f"{e.kind} of {e.app}", f"no installed package judges '{e.kind}'")
    topology, plan, history = run.topology, run.plan, run.history
    alone = e.judged(run.of(e.app))
    failed = alone.outcome is Outcome.FAIL
    slow = "" if failed and e.counted else late(history)
    if failed and not slow:
        slow = _excuse(e, run)
    weighed = _weighed(e, alone, _evidence_for(e, run), unsound(history) or slow, topology)
    weighed = weighed_by_path(weighed, e, topology, plan, history)
    weighed = weighed_by_triggers(weighed, history)
    told = (*_left_running(e, history), *disabled(history))
    return replace(weighed, because=(*weighed.because, *told))


def _excuse(e: Expectation, run: Run) -> str:
    """Why a failure may be the machine's; empty where it is not, or where time does not matter:
    what an app acknowledged it must keep, and what it answers is its own, however slow it is.
    """
    if not e.excusable:
        return ""
    if e.own_excuse:
        return e.excuse(run)
    mine = run.of(e.app)
    return starved(
        e,
        run.app(e.app),
        run.history,
        e.given(mine),
        judged=lambda other: e.judged(replace(mine, history=other)),
        given_more=lambda more_s: e.given_more(more_s).judged(
            replace(mine, topology=with_startup(run.topology, e.app, more_s))
        ),
    )


def _weighed(
    e: Expectation, verdict: Verdict, evidence: list[Evidence], unsound: str, topology: Topology
) -> Verdict:
    """The verdict with its evidence; UNKNOWN where a fault that it rests on was not observed."""
    app = topology.apps[e.app]
    lines = tuple(line for each in evidence for line in _lines(each))
    rests_on = tuple(each.fault for each in evidence)
    verdict = replace(verdict, rests_on=rests_on, because=(*verdict.because, *lines))
    why = unsound or next((_gap(each) for each in evidence if not each.observed), "")
    why = why or next((line for each in evidence if (line := _unobserved(e, each, app))), "")
    if not why:
        return verdict
    because = (why, f"(the app alone would be judged {verdict.outcome.value})", *verdict.because)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=because)


def _unobserved(e: Expectation, evidence: Evidence, app: App) -> str:
    missing = e.unobserved(evidence, app)
    return missing.text if missing else ""


def _evidence_for(e: Expectation, run: Run) -> list[Evidence]:
    """What shows each fault that `e` rests on to have affected the app, in the boot that `e` is
    about. The fault that an expectation names is one of them, whatever `rests_on` says.
    """
    found = []
    for name in dict.fromkeys((*(e.rests_on or ()), *e.named_faults)):
        fault = run.plan.fault(name)
        if fault is None:
            found.append(Evidence(fault=name, per_link={}, missing=NOT_IN_PLAN()))
        else:
            found.append(evidence_of(fault, run.topology, run.history, app=e.app, boot=e.of_boot))
    return found


def _left_running(e: Expectation, history: History) -> tuple[str, ...]:
    """What every verdict tells of processes that outlived their app; it changes none of them."""
    return tuple(
        f"left running: pid {left.pid} '{left.process}' of boot {left.boot}, "
        + ("ended by the lab" if left.ended else "and the lab could not end it")
        for left in history.of(LeftRunning)
        if left.app == e.app
    )


def _lines(evidence: Evidence) -> list[str]:
    return [
        f"{evidence.fault} bit on {link}: {line}"
        for link, lines in evidence.per_link.items()
        for line in lines
    ]


def _gap(evidence: Evidence) -> str:
    return f"{evidence.fault} is not shown to have met the app: {evidence.missing}"
