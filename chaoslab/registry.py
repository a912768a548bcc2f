"""All kinds of faults and expectations: chaoslab's own and the installed ones."""

from __future__ import annotations

from chaoslab.expectations.registry import expectations
from chaoslab.faults.registry import faults
from chaoslab.history.saved_plan import Kinds


def kinds() -> Kinds:
    """All kinds of faults and expectations, which are needed to read a saved plan."""
    return Kinds(faults=faults(), expectations=expectations())
