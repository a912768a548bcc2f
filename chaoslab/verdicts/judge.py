"""From topology, plan and history to verdicts. Nothing else is read; nothing runs."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from chaoslab.faults.evidence import NOT_IN_PLAN, Evidence, evidence_of
from chaoslab.history.events import (
    LabLag,
    LabTrouble,
    LabUp,
    LeftRunning,
    ProbeCrashed,
    RunEnded,
)
from chaoslab.history.journal import History
from chaoslab.model.expect import (
    AnswersInTime,
    BacksOff,
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    NoRestarts,
    ReadyWhenServing,
    Recovers,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    Serves,
    Starts,
    StaysAvailable,
    StaysLive,
)
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.verdicts.boot import fails_fast, starts
from chaoslab.verdicts.bypass import weighed_by_path
from chaoslab.verdicts.carried_out import weighed_by_triggers
from chaoslab.verdicts.connections import releases_connections
from chaoslab.verdicts.degraded import degrades, stays_available
from chaoslab.verdicts.kept import keeps_acknowledged
from chaoslab.verdicts.latency import regains_latency
from chaoslab.verdicts.probers import answers_in_time, stays_live
from chaoslab.verdicts.readiness import ready_when_serving
from chaoslab.verdicts.recovery import first_request_served, recovers
from chaoslab.verdicts.refusals import refuses_honestly
from chaoslab.verdicts.restarts import no_restarts
from chaoslab.verdicts.retries import backs_off
from chaoslab.verdicts.serves import serves
from chaoslab.verdicts.starved import starved
from chaoslab.verdicts.verdict import Outcome, Verdict, worst

MAX_LAG_S = 0.5  # a lab that woke later than this cannot tell the app's time from its own
# A late lab loses and adds nothing.
COUNTED = (KeepsAcknowledged, RefusesHonestly, BacksOff, ReleasesConnections)


def judge(topology: Topology, plan: Plan, history: History) -> tuple[Verdict, ...]:
    """One verdict for each expectation of the plan, each weighed against its evidence.

    A verdict is UNKNOWN, whatever the app did, where a fault that it rests on is not shown to have
    met the app, a probe crashed, the lab itself lagged, a part of it failed, or the history has no
    end. So is a failure that a starved machine may have made, and a PASS where the app went past
    the proxy of a link that it is about, or where a trigger of the plan never came. One by count
    does not rest on time.
    """
    unsound, late = _unsound(history), _late(history)
    disabled = _disabled(history)
    verdicts = []
    for e in plan.expect:
        evidence = _evidence_for(e, topology, plan, history)
        alone = _judged(e, topology, plan, history)
        failed = alone.outcome is Outcome.FAIL
        slow = "" if failed and isinstance(e, COUNTED) else late
        if failed and not slow:
            slow = _starved(e, topology, plan, history)
        weighed = _weighed(e, alone, evidence, unsound or slow, topology)
        weighed = weighed_by_path(weighed, e, topology, plan, history, boot=_boot_of(e))
        weighed = weighed_by_triggers(weighed, history)
        left = _left_running(e, history)
        verdicts.append(replace(weighed, because=(*weighed.because, *left, *disabled)))
    return tuple(verdicts)


def outcome_of(verdicts: tuple[Verdict, ...]) -> Outcome:
    """The worst of a run's verdicts; UNKNOWN where a plan expected nothing."""
    return worst(verdict.outcome for verdict in verdicts)


def _judged(e: Expectation, topology: Topology, plan: Plan, history: History) -> Verdict:
    app = topology.apps[e.app]
    sampling = plan.sampling.of(app)
    plan = replace(plan, sampling=sampling)
    match e:
        case Starts():
            return starts(e, topology.apps[e.app].health, history, sampling)
        case FailsFast():
            return fails_fast(e, history)
        case Degrades():
            return degrades(e, topology.apps[e.app], sampling, history)
        case Recovers():
            return recovers(e, sampling, history, plan.faults)
        case KeepsAcknowledged():
            return keeps_acknowledged(e, topology.apps[e.app], history)
        case FirstRequestServed():
            return first_request_served(e, history)
        case StaysAvailable():
            return stays_available(e, topology.apps[e.app], sampling, history)
        case NoRestarts():
            return no_restarts(e, history)
        case StaysLive():
            return stays_live(e, topology.apps[e.app], sampling, history)
        case AnswersInTime():
            return answers_in_time(e, topology.apps[e.app], sampling, history)
        case ReadyWhenServing():
            return ready_when_serving(e, plan, history)
        case Serves() | RefusesHonestly() | ReleasesConnections() | BacksOff() | RegainsLatency():
            return _judged_by_service(e, topology, plan, history)
    assert_never(e)


def _judged_by_service(
    e: Serves | RefusesHonestly | ReleasesConnections | BacksOff | RegainsLatency,
    topology: Topology,
    plan: Plan,
    history: History,
) -> Verdict:
    """What users get of the app, and its servers bear of it."""
    match e:
        case Serves():
            return serves(e, topology.apps[e.app], plan, history)
        case RefusesHonestly():
            return refuses_honestly(e, history)
        case ReleasesConnections():
            return releases_connections(e, topology, plan, history)
        case BacksOff():
            return backs_off(e, topology, plan, history)
        case RegainsLatency():
            return regains_latency(e, plan, history)
    assert_never(e)


def _starved(e: Expectation, topology: Topology, plan: Plan, history: History) -> str:
    """Why a failure may be the machine's; empty where it is not."""
    return starved(
        e,
        topology.apps[e.app],
        history,
        judged=lambda other: _judged(e, topology, plan, other),
        given_more=lambda more_s: _given_more(more_s, e, topology, plan, history),
    )


def _given_more(
    more_s: float, e: Expectation, topology: Topology, plan: Plan, history: History
) -> Verdict:
    """What `e` would be judged with so many seconds more for a start, or for what it bounds."""
    app = topology.apps[e.app]
    startup_s = app.deadlines.startup_s + more_s
    longer = replace(app, deadlines=replace(app.deadlines, startup_s=startup_s))
    if isinstance(e, Starts | FailsFast | Recovers):
        e = replace(e, within_s=(e.within_s or 0.0) + more_s)
    return _judged(e, replace(topology, apps={**topology.apps, e.app: longer}), plan, history)


def _weighed(
    e: Expectation, verdict: Verdict, evidence: list[Evidence], unsound: str, topology: Topology
) -> Verdict:
    """The verdict with its evidence; UNKNOWN where a fault that it rests on did not bite."""
    bites = tuple(line for each in evidence for line in _lines(each))
    rests_on = tuple(each.fault for each in evidence)
    verdict = replace(verdict, rests_on=rests_on, because=(*verdict.because, *bites))
    why = unsound or next((_gap(each) for each in evidence if not each.observed), "")
    if not why and isinstance(e, Degrades):
        unmet = _unmet(e, topology.apps[e.app], evidence)
        why = f"{e.fault} is not shown to have met the link to {', '.join(unmet)}" if unmet else ""
    if not why:
        return verdict
    because = (why, f"(the app alone would be judged {verdict.outcome.value})", *verdict.because)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=because)


def _evidence_for(
    e: Expectation, topology: Topology, plan: Plan, history: History
) -> list[Evidence]:
    """What shows each fault that `e` rests on to have met the app, in the boot that `e` is about.

    The fault that an expectation names is one of them, whatever `rests_on` says.
    """
    named = (e.fault,) if isinstance(e, Degrades | FirstRequestServed) else ()
    boot = _boot_of(e)
    found = []
    for name in dict.fromkeys((*(e.rests_on or ()), *named)):
        fault = plan.fault(name)
        if fault is None:
            found.append(Evidence(fault=name, per_link={}, missing=NOT_IN_PLAN()))
        else:
            found.append(evidence_of(fault, topology, history, app=e.app, boot=boot))
    return found


def _boot_of(e: Expectation) -> int:
    """The boot that an expectation is about; 0 for any."""
    any_boot = isinstance(e, KeepsAcknowledged | RefusesHonestly | FirstRequestServed | NoRestarts)
    return 0 if any_boot else getattr(e, "boot", 0)


def _left_running(e: Expectation, history: History) -> tuple[str, ...]:
    """What every verdict tells of processes that outlived their app; it changes none of them."""
    return tuple(
        f"left running: pid {left.pid} '{left.process}' of boot {left.boot}, "
        + ("ended by the lab" if left.ended else "and the lab could not end it")
        for left in history.of(LeftRunning)
        if left.app == e.app
    )


def _unmet(e: Degrades, app: App, evidence: list[Evidence]) -> list[str]:
    """The dependencies named whose link is not shown to have met the fault.

    Health may have words of its own for them: those are met only where every link was.
    """
    fault = next(each for each in evidence if each.fault == e.fault)
    return [
        name
        for name in e.naming
        if not (fault.observed_on(name) if name in app.links else fault.observed_everywhere)
    ]


def _lines(evidence: Evidence) -> list[str]:
    return [
        f"{evidence.fault} bit on {link}: {line}"
        for link, lines in evidence.per_link.items()
        for line in lines
    ]


def _gap(evidence: Evidence) -> str:
    return f"{evidence.fault} is not shown to have met the app: {evidence.missing}"


def _disabled(history: History) -> tuple[str, ...]:
    """What every verdict tells of a run that was made to fool it; it changes none of them."""
    up = history.first(LabUp, lambda e: bool(e.disabled))
    return (f"this run was made with a fault disabled: {up.disabled}",) if up else ()


def _unsound(history: History) -> str:
    """Why no verdict of this history can be trusted; empty where there is no reason."""
    if crashed := history.first(ProbeCrashed):
        return f"the probe '{crashed.probe}' crashed: {crashed.error}"
    if trouble := history.first(LabTrouble):
        return _troubled(trouble, history)
    if history.first(RunEnded) is None:
        return "the history has no end: the run was cut short"
    return ""


def _troubled(first: LabTrouble, history: History) -> str:
    """The first trouble of the lab, with its length where a later event has it."""
    same = [e for e in history.of(LabTrouble) if (e.part, e.what) == (first.part, first.what)]
    lasted_s = max((e.lasted_s for e in same if e.lasted_s is not None), default=None)
    for_s = "" if lasted_s is None else f" for {lasted_s:.3f} s"
    return (
        f"the lab had trouble of its own at {first.at_s:.3f} s: {first.part}: {first.what}{for_s}"
    )


def _late(history: History) -> str:
    """Why nothing that rests on time can be judged; empty where the lab was in time itself."""
    lag_s = max((lag.late_s for lag in history.of(LabLag)), default=0.0)
    if lag_s <= MAX_LAG_S:
        return ""
    return f"the lab itself woke {lag_s:.3f} s late: this machine is too slow to judge"
