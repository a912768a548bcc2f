"""Strategies that draw plans by the types of their fields, so that a new field is drawn too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from chaoslab.model.plan import Plan
from chaoslab.registry import kinds

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXT,
    type(None): st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as fields of a plan have it. Raises TypeError for another type."""
    if hint in PLAIN:
        return PLAIN[hint]
    if is_dataclass(hint):
        return instances(hint)
    parts = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return st.sampled_from(parts)
        case origin if origin in (Union, UnionType):
            return st.one_of(*map(values, parts))
        case origin if origin is tuple:
            return st.lists(values(parts[0]), max_size=3).map(tuple)
        case origin if origin is Mapping:
            return st.dictionaries(values(parts[0]), values(parts[1]), max_size=3)
        case origin if origin is Callable:
            return st.just(len)
        case _:
            raise TypeError(f"a plan with a field of type {hint}: add it here")


def instances(kind: Any, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Instances of a dataclass; the strategies in `given` are used in place of the fields' own."""
    hints = get_type_hints(kind)
    own = {each.name: values(hints[each.name]) for each in fields(kind) if each.name not in given}
    return st.builds(kind, **own, **given)


def some(*kinds: Any) -> st.SearchStrategy[Any]:
    """A few instances of any of these classes."""
    return st.lists(st.one_of(*map(instances, kinds)), max_size=3).map(tuple)


def plans() -> st.SearchStrategy[Plan]:
    """Plans with any of the faults and expectations that are installed; few of them make sense."""
    known = kinds()
    return instances(
        Plan, faults=some(*known.faults.values()), expect=some(*known.expectations.values())
    )
