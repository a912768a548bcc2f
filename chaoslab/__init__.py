"""chaoslab tests whether a service starts, degrades and recovers when its network path is cut.

A scenario declares faults and expectations about the app as data:

    await chaos.run(
        Severed(target="vpc", stop=when.degraded(after_s=0.6)),
        expect=[expect.Starts(mode="degraded"), expect.Recovers()],
    )

The names that most scenarios need are here. `chaoslab.plan` has the other parts of a plan, and
`chaoslab.results` the result of a run.
"""

import importlib
import warnings
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
    from chaoslab.model.load import Load
    from chaoslab.model.plan import Boot
    from chaoslab.pytest_plugin import Chaos

__all__ = [
    "Boot",
    "Chaos",
    "CutMidstream",
    "Flapping",
    "Killed",
    "Load",
    "OneWay",
    "Paused",
    "Restarted",
    "Severed",
    "Slow",
    "Stopped",
    "Throttled",
    "expect",
    "when",
]

_HOMES = {"Boot": "model.plan", "Chaos": "pytest_plugin", "Load": "model.load"}
_MOVED = {"Sampling": ("chaoslab.plan", "Sampling")}  # the old place works for one release
_MODULES = {"expect": "chaoslab.expectations", "when": "chaoslab.model.when"}


def __getattr__(name: str) -> object:
    """Return the public name `name`; its module is imported at the first use (PEP 562).

    The proxy engine and the reference backend are processes of this package too. They start often
    and need none of the public names. Raises AttributeError for any other name.
    """
    if name in _MOVED:
        home, known = _MOVED[name]
        what = f"chaoslab.{name} has moved: write `from {home} import {known}`"
        warnings.warn(what, DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(home), known)
    if name not in __all__:
        raise AttributeError(f"module 'chaoslab' has no attribute '{name}'")
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    return getattr(importlib.import_module(f"chaoslab.{_HOMES.get(name, 'faults')}"), name)
