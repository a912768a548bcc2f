"""The table of the kinds of expectation: those of chaoslab, and those of installed extensions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from chaoslab.expectations import KINDS
from chaoslab.expectations.base import Expectation
from chaoslab.extensions import EXPECTATIONS, kind_classes


@cache
def expectations() -> Mapping[str, type[Expectation]]:
    """Maps the name of each kind, as plans, verdicts and the gate's `p1` use it, to its class.

    Raises SpecError if an installed extension cannot be used.
    """
    return kind_classes(EXPECTATIONS, Expectation, KINDS)  # type: ignore[type-abstract]
