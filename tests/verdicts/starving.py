"""Events of a slow machine: an app that waits for a core, and a lab that wakes late."""

from __future__ import annotations

from chaoslab.expectations import (
    Degrades,
    Expectation,
    FailsFast,
    KeepsAcknowledged,
    RefusesHonestly,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import (
    AnyEvent,
    AppStarved,
    LabLag,
)

from .events import (
    DEGRADED,
    back,
    between,
    complete,
    of,
    sample,
    without,
    write,
)
from .histories import good


def waits(start_s: float, end_s: float, fraction: float, app: str = "backend") -> list[AnyEvent]:
    """Events of an app that waits for a core for this fraction of each half second."""
    count = round((end_s - start_s) / 0.5)
    return [
        AppStarved(
            at_s=start_s + 0.5 * (n + 1), app=app, boot=1, waited_s=0.5 * fraction, over_s=0.5
        )
        for n in range(count)
    ]


def lags(start_s: float, end_s: float, late_s: float, every_s: float = 0.125) -> list[AnyEvent]:
    """A lab whose loop is late again and again, each time by less than half a second."""
    count = round((end_s - start_s) / every_s)
    return [LabLag(at_s=start_s + every_s * (n + 1), late_s=late_s) for n in range(count)]


def wrong(e: Expectation) -> list[AnyEvent]:
    """The good run, changed so that exactly this expectation fails."""
    match e:
        case Starts():
            return [*without(good(), of(type(complete(0.0, DEGRADED)))), complete(3.9, DEGRADED)]
        case Degrades():
            unnamed = (sample(2.0 + 0.05 * n, DEGRADED) for n in range(28))
            return [*without(good(), between(2.0, 3.4)), *unnamed]
        case KeepsAcknowledged():
            return [*good(), write(3.6, "gone"), back(4.16, missing=("gone",))]
        case RefusesHonestly():
            return [*good(), write(3.6, "rude", "indeterminate", code=500, took_s=0.6)]
        case _:
            return good()


START_UP = [Starts(mode="degraded", within_s=3.0), FailsFast(naming=("postgres",), within_s=3.0)]
AVAILABLE = StaysAvailable(healthy=False)
HEALTHY_ONLY = StaysAvailable(healthy=True)
