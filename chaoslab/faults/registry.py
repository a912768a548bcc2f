"""The kinds of fault, by their names: the table of this package, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from chaoslab.extensions import FAULTS, a_kind, extended
from chaoslab.faults import KINDS
from chaoslab.faults.base import Fault


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Every kind, by the name that stands in plans, in the order of lists for people.

    Raises SpecError where an installed extension cannot be used.
    """
    own = {name_of(kind): kind for kind in KINDS}
    return extended(FAULTS, own, a_kind(Fault))  # type: ignore[type-abstract]


def name_of(kind: type[Fault]) -> str:
    """The one name of a kind: that of its module."""
    return next(str(each.default) for each in fields(kind) if each.name == "kind")
