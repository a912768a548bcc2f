"""The kinds of expectation by their names: those of chaoslab, and those of installed extensions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from chaoslab.expectations import KINDS
from chaoslab.expectations.base import Expectation
from chaoslab.extensions import EXPECTATIONS, kind_classes


@cache
def expectations() -> Mapping[str, type[Expectation]]:
    """Every kind by its name, as plans, verdicts and the gate's `p1` use it.

    Raises SpecError if an installed extension cannot be used.
    """
    return kind_classes(EXPECTATIONS, Expectation, KINDS)  # type: ignore[type-abstract]
