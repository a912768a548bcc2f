"""Whether a run can be trusted as a whole: its probes, the lab's own parts, its clock. Pure."""

from __future__ import annotations

from chaoslab.history.events import LabLag, LabTrouble, LabUp, ProbeCrashed, RunEnded
from chaoslab.history.journal import History

MAX_LAG_S = 0.5  # a lab that woke later than this cannot tell the app's time from its own


def disabled(history: History) -> tuple[str, ...]:
    """What every verdict tells of a run that was made to fool it; it changes none of them."""
    up = history.first(LabUp, lambda e: bool(e.disabled))
    return (f"this run was made with a fault disabled: {up.disabled}",) if up else ()


def unsound(history: History) -> str:
    """Why no verdict of this history can be trusted; empty where there is no reason."""
    if crashed := history.first(ProbeCrashed):
        return f"the probe '{crashed.probe}' crashed: {crashed.error}"
    if trouble := history.first(LabTrouble):
        return _troubled(trouble, history)
    if history.first(RunEnded) is None:
        return "the history has no end: the run was cut short"
    return ""


def late(history: History) -> str:
    """Why nothing that rests on time can be judged; empty where the lab was in time itself."""
    lag_s = max((lag.late_s for lag in history.of(LabLag)), default=0.0)
    if lag_s <= MAX_LAG_S:
        return ""
    return f"the lab itself woke {lag_s:.3f} s late: this machine is too slow to judge"


def _troubled(first: LabTrouble, history: History) -> str:
    """The first trouble of the lab, with its length where a later event has it."""
    same = [e for e in history.of(LabTrouble) if (e.part, e.what) == (first.part, first.what)]
    lasted_s = max((e.lasted_s for e in same if e.lasted_s is not None), default=None)
    for_s = "" if lasted_s is None else f" for {lasted_s:.3f} s"
    return (
        f"the lab had trouble of its own at {first.at_s:.3f} s: {first.part}: {first.what}{for_s}"
    )
