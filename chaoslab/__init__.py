"""chaoslab: does the service start, degrade and recover when its network path is severed?

A scenario declares faults and what is expected of the app, as data:

    await chaos.run(
        Severed(target="vpc", stop=when.degraded(hold_s=0.6)),
        expect=[expect.Starts(mode="degraded"), expect.Recovers()],
    )
"""

from chaoslab.spec import expect, when
from chaoslab.spec.faults import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.spec.load import Load, Sampling
from chaoslab.spec.plan import Boot

__all__ = [
    "Boot",
    "CutMidstream",
    "Flapping",
    "Killed",
    "Load",
    "OneWay",
    "Paused",
    "Restarted",
    "Sampling",
    "Severed",
    "Slow",
    "Stopped",
    "Throttled",
    "expect",
    "when",
]
