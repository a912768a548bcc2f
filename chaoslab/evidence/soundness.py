"""Reasons why the lab itself did not work during a run: a failed probe, a failed part, a late
clock. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.history.events import LabLag, LabTrouble, LabUp, ProbeCrashed, RunEnded
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

FAULT_DISABLED = Code(
    "lab.fault_disabled",
    "a fault was disabled in this run: {mutation}",
    "The run belongs to the gate's self-test. It shows nothing about the app.",
)
PROBE_CRASHED = Code(
    "lab.probe_crashed",
    "the probe '{probe}' crashed: {error}",
    "A probe of the lab raised an error, so what it should have observed is not known.",
)
CUT_SHORT = Code(
    "lab.history_cut_short",
    "the history has no end: the run was cut short",
    "The lab was ended before it could end the run.",
)
LATE = Code(
    "lab.late",
    "the lab itself woke {late_s:.3f} s late: this machine is too slow to judge",
    "The lab's own loop was late by more than the limit, so its times are unreliable.",
)


def _trouble(data: Mapping[str, Any]) -> str:
    for_s = "" if data["lasted_s"] is None else f" for {data['lasted_s']:.3f} s"
    return (
        f"a part of the lab failed at {data['at_s']:.3f} s: {data['part']}: {data['what']}{for_s}"
    )


TROUBLE = Code(
    "lab.trouble",
    _trouble,
    "A part of the lab itself (engine, server, helper, requests) failed, and no fault caused it.",
    data=("part", "what", "at_s", "lasted_s"),
)


def disabled(history: History) -> tuple[Reason, ...]:
    """A tuple with the reason that a fault was disabled in this run. Empty if none was. Every
    verdict has this reason; it changes none.
    """
    up = history.first(LabUp, lambda e: bool(e.disabled))
    return (FAULT_DISABLED(mutation=up.disabled),) if up else ()


def unsound(history: History) -> Reason | None:
    """The reason why no verdict of this history can be trusted: a probe crashed, a part of the lab
    failed, the history has no end, or it was ended early because it could show nothing. None if
    none of these occurred.
    """
    if crashed := history.first(ProbeCrashed):
        return PROBE_CRASHED(probe=crashed.probe, error=crashed.error)
    if trouble := history.first(LabTrouble):
        return _troubled(trouble, history)
    ended = history.first(RunEnded)
    return CUT_SHORT() if ended is None else ended.cause


def late(history: History, max_lag_s: float) -> Reason | None:
    """The reason that the lab woke more than `max_lag_s` seconds late, so that nothing that depends
    on time can be judged. None if it did not.
    """
    lag_s = max((lag.late_s for lag in history.of(LabLag)), default=0.0)
    return LATE(late_s=lag_s) if lag_s > max_lag_s else None


def _troubled(first: LabTrouble, history: History) -> Reason:
    """The reason for the first failure of a part of the lab, with the duration of the failure if an
    event has it.
    """
    same = [e for e in history.of(LabTrouble) if (e.part, e.what) == (first.part, first.what)]
    lasted_s = max((e.lasted_s for e in same if e.lasted_s is not None), default=None)
    return TROUBLE(part=first.part, what=first.what, at_s=first.at_s, lasted_s=lasted_s)
