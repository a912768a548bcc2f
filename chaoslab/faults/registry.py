"""The kinds of fault by their names: those of chaoslab, and those of installed extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from chaoslab.extensions import FAULTS, a_kind, extended
from chaoslab.faults import KINDS
from chaoslab.faults.base import Fault


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Every kind by its name, as plans use it. The order is that of printed lists.

    Raises SpecError if an installed extension cannot be used.
    """
    own = {name_of(kind): kind for kind in KINDS}
    return extended(FAULTS, own, a_kind(Fault))  # type: ignore[type-abstract]


def name_of(kind: type[Fault]) -> str:
    """The name of a kind, which is also the name of its module."""
    return next(str(each.default) for each in fields(kind) if each.name == "kind")
