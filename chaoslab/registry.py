"""All kinds of faults and expectations: chaoslab's own and the installed ones."""

from __future__ import annotations

from chaoslab.expectations.registry import expectations
from chaoslab.faults.registry import faults
from chaoslab.history.saved_plan import Kinds


def kinds() -> Kinds:
    """The kinds for reading saved plans."""
    return Kinds(faults=faults(), expectations=expectations())
