"""A supervisor's view: how often an app that ended by itself had to be started anew. Pure."""

from __future__ import annotations

from chaoslab.history.journal import History
from chaoslab.spec.expect import NoRestarts
from chaoslab.spec.plan import Plan
from chaoslab.spec.topology import App
from chaoslab.verdicts.verdict import Verdict, unknown


def no_restarts(e: NoRestarts, app: App, plan: Plan, history: History) -> Verdict:
    """The app never ends by itself more often than allowed."""
    return unknown("restarts", "", "not judged yet")


def restarts_under_way(
    e: NoRestarts, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """What the run still waits for."""
    return None
