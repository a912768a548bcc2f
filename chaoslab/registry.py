"""All kinds that a plan may hold: the tables of this package, merged with what is installed."""

from __future__ import annotations

from chaoslab.expectations.registry import expectations
from chaoslab.faults.registry import faults
from chaoslab.history.saved_plan import Kinds


def kinds() -> Kinds:
    """What saved plans are read with."""
    return Kinds(faults=faults(), expectations=expectations())
