"""Readiness is true: it says ready while users are served, and only then. Pure."""

from __future__ import annotations

from chaoslab.history.journal import History
from chaoslab.spec.expect import ReadyWhenServing
from chaoslab.spec.load import Sampling
from chaoslab.spec.plan import Plan
from chaoslab.spec.topology import App
from chaoslab.verdicts.verdict import Verdict, unknown


def ready_when_serving(
    e: ReadyWhenServing, app: App, sampling: Sampling, history: History
) -> Verdict:
    """Readiness follows what users get."""
    return unknown("ready", "", "not judged yet")


def readiness_under_way(
    e: ReadyWhenServing, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """What the run still waits for."""
    return None
