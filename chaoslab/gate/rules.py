"""The rules that abort a gate. They are checked after each scenario. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaoslab.evidence.timeline import end_s
from chaoslab.gate.result import Abort, ScenarioResult
from chaoslab.history.events import (
    AppStarved,
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    ProberSample,
    Ready,
    Request,
    Spawned,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.journal import History
from chaoslab.model.gate import Gate, GateStage, SlowRule
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """One run of a scenario, read from its folder."""

    topology: Topology
    plan: Plan
    history: History


def broken_rule(
    stage: GateStage, gate: Gate, scenario: ScenarioResult, runs: Sequence[SavedRun]
) -> Abort | None:
    """An Abort for the first rule of the stage that this scenario breaks; None if it breaks none.

    An UNKNOWN scenario breaks no rule.
    """
    for rule in stage.abort_on:
        match rule:
            case "p1":
                found = _p1(gate.p1, scenario)
            case "unreachable":
                found = _first(_unreachable(run) for run in runs) if _failed(scenario) else ""
            case "slow":
                assert gate.slow is not None
                found = _slow(gate.slow, scenario, runs)
        if found:
            return Abort(cause=rule, why=f"{scenario.scenario}: {found}")
    return None


def _failed(scenario: ScenarioResult) -> bool:
    return any(verdict.outcome is Outcome.FAIL for verdict in scenario.verdicts)


def _first(found: Iterable[str]) -> str:
    return next((each for each in found if each), "")


def _p1(names: Sequence[str], scenario: ScenarioResult) -> str:
    for verdict in scenario.verdicts:
        if verdict.outcome is Outcome.FAIL and verdict.name in names:
            why = verdict.because[0].text if verdict.because else verdict.claim
            return f"P1 verdict '{verdict.name}' failed: {why}"
    return ""


def _unreachable(run: SavedRun) -> str:
    """Why an app of the run was unreachable: it gave no HTTP answer in the whole run, and it ended
    by itself or ran past its start-up deadline. Empty if there is no such app.
    """
    meant_to_end = {e.app for e in run.plan.expect if e.expects_end}
    spawned = {event.app: event for event in reversed([*run.history.of(Spawned)])}
    for app, first in spawned.items():
        if first.standing or app in meant_to_end or _answered(run.history, app):
            continue
        ended = next((e for e in reversed([*run.history.of(Exited)]) if e.app == app), None)
        if ended is not None and not ended.asked:
            return f"{app} was unreachable: exit code {ended.exit_code}, no HTTP answer"
        time_s = run.topology.apps[app].deadlines.startup_s
        due_s = first.at_s + time_s
        until_s = ended.at_s if ended else end_s(run.history)
        if until_s >= due_s and _was_asked(run.history, app, due_s):
            return f"{app} was unreachable: no HTTP answer in the {time_s:g} s of its start-up"
    return ""


def _answered(history: History, app: str) -> bool:
    for event in history.events:
        match event:
            case HealthSample() | ProberSample() | Request():
                if event.app == app and event.status_code is not None:
                    return True
            case FirstAnswer() | StartupSnapshot() | StartupComplete() | Ready():
                if event.app == app:
                    return True
    return False


def _was_asked(history: History, app: str, due_s: float) -> bool:
    """Whether the lab observed until the time `due_s` that the app gave no answer.

    Either the app never listened, or a request to it ended at or after this time.
    """
    if history.first(Bound, lambda bound: bound.app == app) is None:
        return True
    return any(
        event.app == app and event.at_s + event.took_s >= due_s
        for event in history.events
        if isinstance(event, HealthSample | ProberSample | Request)
    )


def _slow(rule: SlowRule, scenario: ScenarioResult, runs: Sequence[SavedRun]) -> str:
    if scenario.outcome in ("UNKNOWN", "skipped", "not run"):
        return ""
    return _first(
        f"answers to {app} took longer than {rule.responses_s:g} s for {to_s - from_s:.1f} s"
        for run in runs
        for app, from_s, to_s in _slow_spans(rule, run.history)
        if to_s - from_s >= rule.for_s and not _starved(run.history, app, from_s, to_s)
    )


def _slow_spans(rule: SlowRule, history: History) -> Iterator[tuple[str, float, float]]:
    """App, begin and end (in seconds since the lab's start) of each series of the load's writes
    that all took longer than the rule allows.
    """
    writes = sorted(history.of(Request), key=lambda write: write.at_s)
    for app in dict.fromkeys(write.app for write in writes):
        slow: list[Request] = []
        for write in (each for each in writes if each.app == app and each.purpose == "load"):
            if write.took_s > rule.responses_s:
                slow.append(write)
                continue
            yield from _span(app, slow, write.at_s)
            slow = []
        yield from _span(app, slow, math.inf)


def _span(app: str, slow: Sequence[Request], quick_s: float) -> Iterator[tuple[str, float, float]]:
    """App, begin and end of the series `slow` of slow writes. Nothing if the series is empty.

    It ends with the last answer to its writes, or at `quick_s`, when the next write that was
    answered in time was sent, whichever is earlier.
    """
    if slow:
        last_s = max(write.at_s + write.took_s for write in slow)
        yield app, slow[0].at_s, min(last_s, quick_s)


def _starved(history: History, app: str, from_s: float, to_s: float) -> bool:
    """Whether the app waited for a processor core between `from_s` and `to_s`, which may explain
    its delay.
    """
    return any(
        each.app == app and from_s <= each.at_s and each.at_s - each.over_s <= to_s
        for each in history.of(AppStarved)
    )
