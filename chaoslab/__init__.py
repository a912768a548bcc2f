"""chaoslab: does the service start, degrade and recover when its network path is severed?

A scenario declares faults and what is expected of the app, as data:

    await chaos.run(
        Severed(target="vpc", stop=when.degraded(after_s=0.6)),
        expect=[expect.Starts(mode="degraded"), expect.Recovers()],
    )
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaoslab import expectations as expect
    from chaoslab.faults import (
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
    from chaoslab.model import when
    from chaoslab.model.load import Load, Sampling
    from chaoslab.model.plan import Boot

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

_HOMES = {"Boot": "model.plan", "Load": "model.load", "Sampling": "model.load"}
_MODULES = {"expect": "chaoslab.expectations", "when": "chaoslab.model.when"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562): the proxy engine and the reference
    backend are processes of this package too, boot often, and need none of them.
    """
    if name not in __all__:
        raise AttributeError(f"module 'chaoslab' has no attribute '{name}'")
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    return getattr(importlib.import_module(f"chaoslab.{_HOMES.get(name, 'faults')}"), name)
