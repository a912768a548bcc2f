"""Judges a run: verdicts from topology, plan and history, and from nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chaoslab.evidence.as_one_boot import restarted
from chaoslab.evidence.soundness import disabled, late, unsound
from chaoslab.evidence.starvation import exit_excused, starved
from chaoslab.evidence.stopping import kills
from chaoslab.expectations.base import Expectation, Run, with_startup
from chaoslab.faults.base import NO_CONNECTION_AFFECTED
from chaoslab.faults.evidence import NOT_IN_PLAN, Evidence, evidence_of
from chaoslab.history.events import LeftRunning
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, unknown
from chaoslab.reason import Code, Reason
from chaoslab.verdicts.bypass import weighed_by_path
from chaoslab.verdicts.carried_out import weighed_by_triggers
from chaoslab.verdicts.outside import tried_outside

NOT_INSTALLED = Code(
    "expectation.not_installed",
    "no installed package judges '{kind}'",
    "The plan has an expectation of an extension that is not installed here.",
)
NOT_OBSERVED = Code(
    "fault.not_observed",
    "{fault} was not observed to affect the app: {cause}",
    "A fault that the verdict rests on was not observed to affect the app. `cause` is the code of"
    " the reason, `fault.*` or an error's, beside its data; `text` in older runs.",
)
ALONE = Code(
    "verdict.app_alone",
    "(the app alone would be judged {outcome})",
    "What the verdict would be if only the app's own behaviour counted.",
)


def _left(data: Mapping[str, Any]) -> str:
    ended = "ended by the lab" if data["ended"] else "and the lab could not end it"
    return f"left running: pid {data['pid']} '{data['process']}' of boot {data['boot']}, {ended}"


LEFT_RUNNING = Code(
    "app.left_running",
    _left,
    "A process that the app had started was alive after the app's own process had ended.",
    data=("pid", "process", "boot", "ended"),
)


def judge(topology: Topology, plan: Plan, history: History) -> tuple[Verdict, ...]:
    """One verdict for each expectation of the plan, weighed against its evidence.

    A verdict is UNKNOWN if a fault that it rests on was not observed to affect the app, if a probe
    crashed, the lab itself was late, a part of it failed, or the history has no end. A FAIL becomes
    UNKNOWN if a slow machine may have caused it. A PASS becomes UNKNOWN if the app connected past
    the proxy of one of its links, if a trigger of the plan did not occur, or if a step of the plan
    failed. A FAIL by a count does not depend on time, so a late lab does not change it.
    """
    run = Run(topology=topology, plan=plan, history=history)
    return tuple(_verdict(e, run) for e in plan.expect)


def _verdict(e: Expected, run: Run) -> Verdict:
    if not isinstance(e, Expectation):
        return unknown(e.kind, f"{e.kind} of {e.app}", NOT_INSTALLED(kind=e.kind))
    topology, plan, history = run.topology, run.plan, run.history
    alone = e.judged(run.seen_by(e))
    failed = alone.outcome is Outcome.FAIL
    slow = None if failed and e.counted else late(history, plan.max_lag_s)
    if failed and not slow:
        slow = _excuse(e, run)
    weighed = _weighed(e, alone, _evidence_for(e, run), unsound(history) or slow, topology)
    weighed = weighed_by_path(weighed, e, topology, plan, history)
    weighed = weighed_by_triggers(weighed, plan, history)
    passed = weighed.outcome is Outcome.PASS
    outside = () if passed else tried_outside(e.app, history)
    notes = (*_killed(e, weighed, history), *_left_running(e, history))
    notes = (*notes, *outside, *disabled(history))
    return replace(weighed, because=(*weighed.because, *notes))


def _excuse(e: Expectation, run: Run) -> Reason | None:
    """The reason why a slow machine may have caused the failure of `e`. None if it did not, or if
    the claim does not depend on time.
    """
    if not e.excusable:
        return None
    if e.own_excuse:
        return e.excuse(run.seen_by(e))
    mine = run.seen_by(e)
    by_exit = not (e.expects_end or e.counted)
    if by_exit and e.over_boots and (why := _exits_excused(e, run)):
        return why
    return starved(
        e,
        run.app(e.app),
        mine.history,
        e.given(mine),
        judged=lambda other: e.judged(replace(mine, history=other)),
        given_more=lambda more_s: e.given_more(more_s).judged(
            replace(mine, topology=with_startup(run.topology, e.app, more_s))
        ),
        by_exit=by_exit,
    )


def _exits_excused(e: Expectation, run: Run) -> Reason | None:
    """The reason why a slow machine may have caused an exit of the app, on which the failure of a
    claim over boots rests. None if it did not.
    """

    def judged(other: History) -> Verdict:
        return e.judged(replace(run, history=other).seen_by(e))

    boots = (e.of_boot, *(again.boot for again in restarted(e.app, e.of_boot, run.history)))
    found = (exit_excused(e.app, boot, run.history, judged) for boot in boots)
    return next(filter(None, found), None)


def _weighed(
    e: Expectation,
    verdict: Verdict,
    evidence: list[Evidence],
    unsound: Reason | None,
    topology: Topology,
) -> Verdict:
    """The verdict with its evidence. UNKNOWN if the run is unsound, or if a fault that the verdict
    rests on was not observed to affect the app.
    """
    app = topology.apps[e.app]
    lines = tuple(line for each in evidence for line in _lines(each))
    rests_on = tuple(each.fault for each in evidence)
    verdict = replace(verdict, rests_on=rests_on, because=(*verdict.because, *lines))
    gaps = (_gap(each) for each in evidence if not each.observed)
    missing = (e.unobserved(each, app) for each in evidence)
    why = unsound or next(gaps, None) or next(filter(None, missing), None)
    if why is None:
        return verdict
    alone = ALONE(outcome=verdict.outcome.value)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=(why, alone, *verdict.because))


def _evidence_for(e: Expectation, run: Run) -> list[Evidence]:
    """The evidence that each fault that `e` rests on affected the app, in the boot that `e` is
    about. Faults that other fields of `e` name are among them.
    """
    found, history = [], e.seen_in(run.history)
    for name in dict.fromkeys((*(e.rests_on or ()), *e.named_faults)):
        fault = run.plan.fault(name)
        if fault is None:
            found.append(Evidence(fault=name, per_link={}, missing=NOT_IN_PLAN()))
        else:
            found.append(evidence_of(fault, run.topology, history, app=e.app, boot=e.of_boot))
    return found


def _killed(e: Expectation, verdict: Verdict, history: History) -> tuple[Reason, ...]:
    """Reasons for the boots of the app that the lab killed, because they did not end after SIGTERM.
    Every verdict of the app lists them; they change none.
    """
    return tuple(why for why in kills(e.app, history) if why not in verdict.because)


def _left_running(e: Expectation, history: History) -> tuple[Reason, ...]:
    """Reasons for processes that were alive after their app had ended. Every verdict of the app
    lists them; they change none.
    """
    return tuple(
        LEFT_RUNNING(pid=left.pid, process=left.process, boot=left.boot, ended=left.ended)
        for left in history.of(LeftRunning)
        if left.app == e.app
    )


def _lines(evidence: Evidence) -> list[Reason]:
    """A reason for each observation of the fault in `evidence`; its data and its text also name the
    fault and the link.
    """
    return [
        Reason(
            code=line.code,
            data={"fault": evidence.fault, "link": link, **line.data},
            text=f"{evidence.fault} observed on {link}: {line.text}",
        )
        for link, lines in evidence.per_link.items()
        for line in lines
    ]


def _gap(evidence: Evidence) -> Reason:
    cause = evidence.missing or NO_CONNECTION_AFFECTED()
    return NOT_OBSERVED.because_of(cause, fault=evidence.fault)
