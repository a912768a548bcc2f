"""A plan as a file: it is written with all fields, and read with the kinds that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from chaoslab.model.expectation import Expected, UnknownExpectation
from chaoslab.model.faults import Declared, UnknownFault
from chaoslab.model.plan import Plan

T = TypeVar("T")
MOST_SHOWN = 100  # characters of a part that cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Maps the kinds of faults and of expectations to their classes."""

    faults: Mapping[str, type[Declared]]
    expectations: Mapping[str, type[Expected]]


def plan_json(plan: Plan) -> bytes:
    """The plan as the bytes of a JSON text, with all fields. Callables and infinities are null."""
    steps = tuple(step.saved() for step in plan.steps)
    probes = tuple(probe.saved() for probe in plan.probes)
    return to_json(replace(plan, steps=steps, probes=probes), indent=2, inf_nan_mode="null")


def read_plan(text: bytes, kinds: Kinds) -> Plan:
    """The plan in a JSON text. A part whose kind is not in `kinds` becomes an `UnknownFault` or an
    `UnknownExpectation`.

    Raises ValueError, or pydantic's ValidationError, if the text is no plan.
    """
    data = from_json(text)
    faults, expected = _listed(data, "faults"), _listed(data, "expect")
    plan = TypeAdapter(Plan).validate_python(data)
    return replace(
        plan,
        faults=tuple(_read(each, kinds.faults, Declared, UnknownFault) for each in faults),
        expect=tuple(
            _read(each, kinds.expectations, Expected, UnknownExpectation) for each in expected
        ),
    )


def _listed(data: object, name: str) -> list[object]:
    """Remove the list `name` from the plan's data, and return it. Empty if the data have no such
    list. Raises ValueError if it is not a list.
    """
    parts = data.pop(name, []) if isinstance(data, dict) else []
    if not isinstance(parts, list):
        raise ValueError(f"its {name} is not a list")
    return parts


def _read(data: object, known: Mapping[str, type[T]], common: type[T], unknown: type[T]) -> T:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str):
        raise ValueError(f"a part of it has no kind: {str(data)[:MOST_SHOWN]}")
    if kind in known:
        return TypeAdapter(known[kind]).validate_python(data)
    shared = {each.name for each in fields(common)}  # type: ignore[arg-type]
    values = {name: value for name, value in data.items() if name not in shared}
    common_values = {name: value for name, value in data.items() if name in shared}
    return TypeAdapter(unknown).validate_python({**common_values, "values": values})


def first_problem(error: ValueError) -> str:
    """The first problem in the error for a text that could not be read, as one line of text."""
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
