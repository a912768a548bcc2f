"""The table of the kinds of fault: those of chaoslab, and those of installed extensions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from chaoslab.extensions import FAULTS, kind_classes
from chaoslab.faults import KINDS
from chaoslab.faults.base import Fault


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Maps the name of each kind, as plans use it, to its class. Printed lists have the same order.

    Raises SpecError if an installed extension cannot be used.
    """
    return kind_classes(FAULTS, Fault, KINDS)  # type: ignore[type-abstract]
