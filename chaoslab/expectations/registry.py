"""The kinds of expectation, by their names: the table of this package, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from chaoslab.expectations import KINDS
from chaoslab.expectations.base import Expectation
from chaoslab.extensions import EXPECTATIONS, a_kind, extended


@cache
def expectations() -> Mapping[str, type[Expectation]]:
    """Every kind, by the name that stands in plans, verdicts and the gate's `p1`.

    Raises SpecError where an installed extension cannot be used.
    """
    own = {name_of(kind): kind for kind in KINDS}
    return extended(EXPECTATIONS, own, a_kind(Expectation))  # type: ignore[type-abstract]


def name_of(kind: type[Expectation]) -> str:
    """The one name of a kind: that of its module and its verdict."""
    return next(str(each.default) for each in fields(kind) if each.name == "kind")
