"""A platform's prober: liveness answered well, health and readiness answered in time. Pure."""

from __future__ import annotations

from chaoslab.history.journal import History
from chaoslab.spec.expect import AnswersInTime, StaysLive
from chaoslab.spec.load import Sampling
from chaoslab.spec.topology import App
from chaoslab.verdicts.verdict import Verdict, unknown


def stays_live(e: StaysLive, app: App, sampling: Sampling, history: History) -> Verdict:
    """Liveness answers."""
    return unknown("live", "", "not judged yet")


def answers_in_time(e: AnswersInTime, app: App, sampling: Sampling, history: History) -> Verdict:
    """Health and readiness answer."""
    return unknown("prober", "", "not judged yet")


def watch_under_way(
    e: StaysLive | AnswersInTime, history: History, now_s: float, startup_s: float
) -> str | None:
    """What the run still waits for."""
    return None
