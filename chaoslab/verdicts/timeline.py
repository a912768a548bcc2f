"""Readings of a history that several verdicts share. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    HealthSample,
    RunEnded,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.spec.health import HealthState


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time of the history, in seconds since the lab's start; `end_s` is its end at the latest."""

    start_s: float
    end_s: float

    def holds(self, at_s: float) -> bool:
        """Whether a moment lies in it."""
        return self.start_s <= at_s <= self.end_s


def end_s(history: History) -> float:
    """The last moment that the history tells of."""
    ended = history.last(RunEnded)
    return ended.at_s if ended else max((e.at_s for e in history.events), default=0.0)


def fault_span(history: History, fault: str) -> Span | None:
    """From when the fault was in force to when its healing began; None if it never was seen."""
    began = history.first(FaultInForce, lambda e: e.fault == fault)
    if began is None:
        return None
    healing = history.first(FaultHealing, lambda e: e.fault == fault)
    return Span(start_s=began.since_s, end_s=healing.at_s if healing else end_s(history))


def last_healed_s(history: History) -> float | None:
    """When the last fault was gone; None where none has healed."""
    healed = history.last(FaultHealed)
    return healed.at_s if healed else None


def started_by(history: History, app: str, boot: int) -> float | None:
    """By when start-up was complete: the boot probe's word, or an earlier 2xx of health."""
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (app, boot))
    good = (HealthState.HEALTHY, HealthState.DEGRADED)
    answer = next((s for s in samples(history, app, boot) if s.state in good), None)
    times = [complete.at_s] if complete else []
    return min([*times, answer.at_s] if answer else times, default=None)


def samples(history: History, app: str, boot: int) -> list[HealthSample]:
    """The health samples of one boot in the order in which they were sent."""
    mine = (s for s in history.of(HealthSample) if s.app == app and s.boot == boot)
    return sorted(mine, key=lambda s: s.at_s)


def healthy_since(history: History, app: str, boot: int, after_s: float) -> float | None:
    """Since when every sample sent after `after_s` has been healthy, up to the newest; or None."""
    since_s = None
    for sample in samples(history, app, boot):
        if sample.at_s < after_s:
            continue
        if sample.state is not HealthState.HEALTHY:
            since_s = None
        elif since_s is None:
            since_s = sample.at_s
    return since_s


def spawned(history: History, app: str, boot: int) -> Spawned | None:
    """The spawn of one boot."""
    return history.first(Spawned, lambda e: e.app == app and e.boot == boot)


def exited(history: History, app: str, boot: int) -> Exited | None:
    """The end of one boot's process."""
    return history.first(Exited, lambda e: e.app == app and e.boot == boot)
