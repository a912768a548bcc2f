"""The phases of a start-up that an app publishes: completed, failed or missing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoslab.evidence.claim import OfBoot
from chaoslab.history.events import StartupSnapshot
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.reason import Code, Reason


def _phases_failed(data: Mapping[str, Any]) -> str:
    phases = ", ".join(data["phases"])
    return f"phases reported as failed: {phases}" if phases else "start-up reported as failed"


PHASES_DONE = Code(
    "start.phases_done",
    lambda data: f"phases done: {', '.join(data['phases']) or 'none'}",
    "The phases of the start-up that the app published as completed.",
    data=("phases",),
)
PHASES_FAILED = Code(
    "start.phases_failed",
    _phases_failed,
    "The app published that phases failed, or, if it named none, that its whole start-up failed.",
    data=("phases",),
)
NO_PHASES = Code(
    "start.no_phases",
    "the app published no phases",
    "The health contract has phases, and the app published nothing about its start-up.",
)
PHASES_MISSING = Code(
    "start.phases_missing",
    "phases neither completed nor degraded: {phases}",
    "Phases that the contract requires, or for which the app published a time, are neither in "
    "its list of completed nor in its list of degraded phases.",
)


def published(e: OfBoot, history: History) -> StartupSnapshot | None:
    """The last snapshot of this start-up that the app published. None if there is none."""
    return history.last_of_boot(StartupSnapshot, e.app, e.boot)


def phases_so_far(e: OfBoot, history: History) -> list[Reason]:
    """Reasons that say how far the start-up got: the phases that the app published as completed and
    as failed. Empty if it published nothing.
    """
    snapshot = published(e, history)
    if snapshot is None:
        return []
    return [PHASES_DONE(phases=snapshot.completed_phases), *_failed_in(snapshot)]


def phases_missed(e: OfBoot, contract: HealthContract, history: History) -> list[Reason]:
    """Reasons for phases that failed, and for phases that are required and not finished: those of
    the contract, and those for which the app published a time. Empty if there are none.

    An app may stop mentioning a phase. Then only the contract shows that it is missing.
    """
    snapshot = published(e, history)
    if snapshot is None:
        return [NO_PHASES()] if contract.phases else []
    done = {*snapshot.completed_phases, *snapshot.degraded_phases}
    asked_for = dict.fromkeys((*contract.phases, *snapshot.phase_timings_s))
    missing = [phase for phase in asked_for if phase not in done]
    return [*_failed_in(snapshot), *([PHASES_MISSING(phases=missing)] if missing else [])]


def _failed_in(snapshot: StartupSnapshot) -> list[Reason]:
    """The reason with the phases that the app published as failed. Empty if none failed."""
    failed = snapshot.failed or snapshot.failed_phases
    return [PHASES_FAILED(phases=snapshot.failed_phases)] if failed else []
