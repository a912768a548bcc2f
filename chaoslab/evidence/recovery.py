"""Observations of health and of the process after the last heal in a boot's life. Pure.

The module `proof` says what writes show, and the module `late_recovery` what can explain a late
recovery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.reasons import NOT_ASKED, REPLACED, process_exit
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    asking,
    faults_begun_s,
    gap,
    replaced,
    samples,
    silence_s,
    spawned,
)
from chaoslab.history.events import Exited, FaultHealed, FaultMissed, HealthSample
from chaoslab.history.journal import History
from chaoslab.model.load import Sampling
from chaoslab.reason import Code, Reason

MIN_SAMPLES = 3  # fewer healthy answers do not show that the app stays healthy

NO_HEAL = Code(
    "recovery.no_heal",
    "no fault was healed while the app ran",
    "In the life of this boot no fault was healed, so there is no recovery to judge.",
)
FAULT_MISSED = Code(
    "recovery.fault_missed",
    "{fault}: {cause}",
    "A fault of the plan was not in force or was not healed, so it is not known from what the app"
    " had to recover. `cause` is the code of the reason, beside its data; `text` in older runs.",
)
FAULT_IN_FORCE = Code(
    "recovery.fault_in_force",
    "{fault} was still in force when the last fault was healed, at {healed_s:.3f} s",
    "A fault was still in force at the heal from which the recovery is counted.",
)


def _exited(data: Mapping[str, Any]) -> str:
    after_s = data["after_s"]
    when = "after" if after_s >= 0 else "before"
    return f"it was process {data['pid']}, {abs(after_s):.3f} s {when} the heal"


EXITED = Code(
    "recovery.exited",
    _exited,
    "The process that ended by itself, and how many seconds after the heal (below 0: before it).",
    data=("pid", "after_s"),
)


def _healthy(data: Mapping[str, Any]) -> str:
    process = "" if data["pid"] is None else f", process {data['pid']}"
    healed_s = data["healed_s"]
    return f"healthy {data['after_s']:.3f} s after the heal at {healed_s:.3f} s{process}"


HEALTHY = Code(
    "recovery.healthy",
    _healthy,
    "The first answer of health from which on every answer was healthy. `pid` is null if the lab "
    "did not start the app.",
    data=("after_s", "healed_s", "pid"),
)


def _not_healthy(data: Mapping[str, Any]) -> str:
    last = data["last_state"]
    heard = "health was not asked" if last is None else f"the last answer was {last}"
    return f"not healthy after the heal at {data['healed_s']:.3f} s; {heard}"


NOT_HEALTHY = Code(
    "recovery.not_healthy",
    _not_healthy,
    "Health was not healthy to the end of the time between the heal and the next fault. "
    "`last_state` is null if health was not asked in that time.",
    data=("healed_s", "last_state"),
)
STAYED_HEALTHY = Code(
    "recovery.stayed_healthy",
    "watched for {watched_s:.3f} s from then on: {answers} answers, all healthy",
    "For how long, and with how many answers, health was observed from the first healthy answer "
    "on.",
)
WATCHED_SHORTLY = Code(
    "recovery.watched_shortly",
    "watched healthy for only {watched_s:.3f} s, {answers} answers; "
    "{required_s:g} s and {required} answers are required",
    "Health was healthy to the end, but was not observed for as long as is required.",
)


def after_heal(e: OfBoot, history: History, span: Span) -> list[HealthSample]:
    """The requests to health that were sent after the heal and over before the next fault."""
    asked = samples(history, e.app, e.boot)
    return [s for s in asked if s.at_s >= span.start_s and answered_s(s) <= span.end_s]


def healthy(e: OfBoot, history: History, span: Span, since: HealthSample) -> Reason:
    """The reason that says how long after the heal the app was healthy again, and in which process.
    `since` is the first answer of the healthy series at the end.
    """
    begun = spawned(history, e.app, e.boot)
    pid = begun.pid if begun and not begun.standing else None
    return HEALTHY(after_s=answered_s(since) - span.start_s, healed_s=span.start_s, pid=pid)


def not_healthy(span: Span, last: HealthSample | None) -> Reason:
    """The reason that the app was not healthy at the end of `span`, with the state of the last
    answer of health.
    """
    return NOT_HEALTHY(healed_s=span.start_s, last_state=last.state.value if last else None)


def stayed_healthy(watched: list[HealthSample]) -> Reason:
    """The reason that says for how long, and with how many answers, the app was healthy: from the
    first to the last of the answers `watched`.
    """
    return STAYED_HEALTHY(watched_s=_lasted_s(watched), answers=len(watched))


def watched_shortly(watched: list[HealthSample], stable_s: float) -> Reason | None:
    """The reason that the healthy answers `watched` are too few, or were sent within less than
    `stable_s` seconds. None if they are enough.

    The run waits until there are enough.
    """
    watched_s = _lasted_s(watched)
    if watched_s >= stable_s and len(watched) >= MIN_SAMPLES:
        return None
    return WATCHED_SHORTLY(
        watched_s=watched_s, answers=len(watched), required_s=stable_s, required=MIN_SAMPLES
    )


def not_stable(watched: list[HealthSample], stable_s: float, sampling: Sampling) -> Reason | None:
    """The reason why the answers `watched` do not show that the app stayed healthy for `stable_s`
    seconds: there are too few, or a pause between them is too long. None if they do.
    """
    if short := watched_shortly(watched, stable_s):
        return short
    pause = gap(map(asking, watched), silence_s(sampling))
    if pause is None or pause.start_s >= watched[0].at_s + stable_s:
        return None
    return NOT_ASKED(start_s=pause.start_s, end_s=pause.end_s)


def _lasted_s(watched: list[HealthSample]) -> float:
    return watched[-1].at_s - watched[0].at_s


def fault_missed(history: History) -> Reason | None:
    """The reason that a fault was not in force, or could not be healed. None if there was no such
    fault.
    """
    missed = history.first(FaultMissed)
    return FAULT_MISSED.because_of(missed.why, fault=missed.fault) if missed else None


def fault_in_force(history: History, span: Span) -> Reason | None:
    """The reason that a fault had begun before the heal at the start of `span`, and was not healed
    by then. None if there is no such fault.
    """
    healed = {h.fault for h in history.of(FaultHealed) if h.at_s <= span.start_s}
    for fault, at_s in faults_begun_s(history).items():
        if at_s <= span.start_s and fault not in healed:
            return FAULT_IN_FORCE(fault=fault, healed_s=span.start_s)
    return None


def exit_after_heal(pid: int, ended: Exited, span: Span) -> tuple[Reason, Reason]:
    """Two reasons: that the process ended by itself, and how many seconds after the heal."""
    return process_exit(ended), EXITED(pid=pid, after_s=ended.at_s - span.start_s)


def replaced_by_plan(e: OfBoot, history: History) -> Iterator[Reason]:
    """Yields the reason that the plan stopped or replaced this boot, so that it was not observed
    any longer. Yields nothing if the plan did neither.
    """
    if ended := replaced(history, e.app, e.boot):
        yield REPLACED(boot=e.boot, at_s=ended.at_s)
