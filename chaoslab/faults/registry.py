"""The kinds of fault, by their names: the table of this package, and what joins it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from chaoslab.faults import KINDS
from chaoslab.faults.base import Fault


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Every kind, by the name that stands in plans, in the order of lists for people."""
    return {name_of(kind): kind for kind in KINDS}


def merged(*extra: type[Fault]) -> Mapping[str, type[Fault]]:
    """The table with kinds of other distributions. Raises ValueError for a name that is taken."""
    more = {name_of(kind): kind for kind in extra}
    if taken := sorted(faults().keys() & more.keys()):
        raise ValueError(f"kinds of fault that chaoslab has itself: {', '.join(taken)}")
    return {**faults(), **more}


def name_of(kind: type[Fault]) -> str:
    """The one name of a kind: that of its module."""
    return next(str(each.default) for each in fields(kind) if each.name == "kind")
