"""The verdict of a recovery, and the good run with other answers after the heal."""

from __future__ import annotations

from chaoslab.expectations import Recovers
from chaoslab.history.events import (
    AnyEvent,
    HealthSample,
)
from chaoslab.model.verdict import Verdict

from .events import (
    between,
    without,
)
from .histories import good, run_of


def recovered(events: list[AnyEvent], *, proved: bool = True, boot: int = 1) -> Verdict:
    e = Recovers(app="backend", within_s=2.0, stable_s=0.4, proved=proved, boot=boot)
    return e.judged(run_of(events))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def after(start_s: float, *instead: HealthSample) -> list[AnyEvent]:
    """The good run with other samples from `start_s` on."""
    return [*without(good(), between(start_s, 9.0)), *instead]
