"""The kinds of expectation by their names: those of chaoslab, and those of installed extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from chaoslab.expectations import KINDS
from chaoslab.expectations.base import Expectation
from chaoslab.extensions import EXPECTATIONS, a_kind, extended


@cache
def expectations() -> Mapping[str, type[Expectation]]:
    """Every kind by its name, as plans, verdicts and the gate's `p1` use it.

    Raises SpecError if an installed extension cannot be used.
    """
    own = {name_of(kind): kind for kind in KINDS}
    return extended(EXPECTATIONS, own, a_kind(Expectation))  # type: ignore[type-abstract]


def name_of(kind: type[Expectation]) -> str:
    """The name of a kind, which is also the name of its module and of its verdict."""
    return next(str(each.default) for each in fields(kind) if each.name == "kind")
