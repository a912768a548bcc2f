"""A plan as a file: written with all its fields, and read with the kinds that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from chaoslab.model.faults import Declared, UnknownFault
from chaoslab.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """The classes of what a saved plan may hold, by their kinds."""

    faults: Mapping[str, type[Declared]]


def plan_json(plan: Plan) -> bytes:
    """The plan with all fields of each of its parts, whatever its kind."""
    return to_json(plan, indent=2, inf_nan_mode="null")


def read_plan(text: bytes, kinds: Kinds) -> Plan:
    """The plan of such a text. A kind that is not in `kinds` becomes an `UnknownFault`.

    Raises ValueError (of which pydantic's ValidationError is one) where it is no plan.
    """
    data = from_json(text)
    declared = data.pop("faults", []) if isinstance(data, dict) else []
    if not isinstance(declared, list):
        raise ValueError("its faults are no list")
    plan = TypeAdapter(Plan).validate_python(data)
    return replace(plan, faults=tuple(_fault(each, kinds.faults) for each in declared))


def _fault(data: object, known: Mapping[str, type[Declared]]) -> Declared:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str):
        raise ValueError("a fault of it has no kind")
    if kind in known:
        return TypeAdapter(known[kind]).validate_python(data)
    common = {entry.name for entry in fields(Declared)}
    values = {name: value for name, value in data.items() if name not in common}
    shared = {name: value for name, value in data.items() if name in common}
    return TypeAdapter(UnknownFault).validate_python({**shared, "values": values})


def first_problem(error: ValueError) -> str:
    """What is wrong with a text that could not be read, in one line."""
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
