"""Mistakes in the shape of a topology file: missing and unknown keys, and wrong values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chaoslab.errors import ErrorCode, did_you_mean
from chaoslab.model.loader.base import Shape
from chaoslab.model.loader.mistakes import Mistake, Place, Table
from chaoslab.model.loader.shape import SHAPES
from chaoslab.model.mask import MASKED, Mask

Shapes = Mapping[tuple[str, ...], type[Shape]]

MISSING_KEY = ErrorCode(
    "topology.missing_key", "missing key '{key}'", "A table lacks a key that is required."
)
UNKNOWN_KEY = ErrorCode(
    "topology.unknown_key", "unknown key '{key}'", "A table has a key that chaoslab does not know."
)
BAD_VALUE = ErrorCode(
    "topology.bad_value", "got {value} ({type})", "A value, or its type, is not allowed."
)
KEYS_CONFLICT = ErrorCode(
    "topology.keys_conflict", "{what}", "Keys of a table do not fit together."
)
_TYPE_WORDS: Mapping[type, str] = {
    bool: "a boolean",
    str: "a string",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    datetime: "a date and time",
    date: "a date",
    time: "a time",
}
# What the keys of a table of the user's own names may be, by the name of the table.
_KEYS = {"processes": "a letter, then letters, digits, '-' and '_'"}
_WANTED = {
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "int_type": "a whole number",
    "float_type": "a number",
}


def in_file_order(found: Sequence[Mistake], table: Table) -> Iterator[Mistake]:
    """The mistakes in the order of their places in the topology's table."""
    ranks: dict[int, dict[object, int]] = {}

    def position(each: Mistake) -> tuple[int, ...]:
        key = (each.missing_key,) if each.missing_key else ()
        return _position((*each.place, *key), table, ranks)

    yield from sorted(found, key=position)


def shape_mistakes(
    error: ValidationError,
    mask: Mask,
    *,
    below: tuple[str, ...] = (),
    shape: type[Shape] | None = None,
) -> Iterator[Mistake]:
    """Each error of pydantic as a mistake in our own words.

    `mask` hides secrets before a value is cut. `shape` is the shape of the table at `below`, if it
    depends on the file.
    """
    own = {below: shape} if shape is not None else {}
    for detail in error.errors(include_url=False):
        place = (*below, *(part for part in detail["loc"] if part != "[key]"))
        if detail["type"] == "missing":
            yield Mistake(
                place=place[:-1],
                reason=MISSING_KEY(key=str(place[-1])),
                missing_key=str(place[-1]),
                expected=_description(place, own),
            )
        elif detail["type"] == "together":
            given = detail["ctx"]
            yield Mistake(
                place=place,
                reason=KEYS_CONFLICT(what=given["what"]),
                expected=given["expected"],
                fix=given["fix"],
            )
        elif detail["type"] == "extra_forbidden":
            yield _unknown_key(place, own)
        else:
            yield _bad_value(place, detail, mask=mask, own=own)


def _unknown_key(place: Place, own: Shapes) -> Mistake:
    shape, key = _shape_at(place[:-1], own), str(place[-1])
    known = tuple(shape.model_fields) if shape else ()
    return Mistake(
        place=place,
        reason=UNKNOWN_KEY(key=key),
        expected="one of: " + ", ".join(known),
        fix=did_you_mean(key, known),
    )


def _bad_value(place: Place, detail: ErrorDetails, *, mask: Mask, own: Shapes) -> Mistake:
    kind, got = detail["type"], detail["input"]
    words = str(detail.get("ctx", {}).get("expected", ""))
    choices = tuple(re.findall(r"'([^']*)'", words)) if kind == "literal_error" else ()
    expected = "one of: " + ", ".join(choices) if choices else _description(place, own)
    if kind in ("rule", "greater_than_equal") and not expected:
        expected = _description(place[:-1], own)  # an entry of a list or table keeps its key's rule
    named = place[:1] == ("services",) or place[-2:-1] in (("env",), ("args",), ("headers",))
    secret = named and mask.knows_name(str(place[-1]))
    shown = MASKED if secret else _shown(mask.text(got) if isinstance(got, str) else got)
    fix = did_you_mean(got, choices) if isinstance(got, str) else ""
    if "[key]" in detail["loc"] and not choices:
        expected = _KEYS.get(str(place[-2]), "a non-empty name without '='")
    elif _WANTED.get(kind) == "a string" and isinstance(got, bool | int | float):
        fix = f'put it in quotes: "{shown}"'
    return Mistake(
        place=place,
        reason=BAD_VALUE(value=shown, type=_type_word(got)),
        expected=expected or _WANTED.get(kind, detail["msg"]),
        fix=fix,
    )


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return f"{len(value)} entries" if value else "nothing"
    text = str(value)
    if isinstance(value, bool):
        text = text.lower()
    elif isinstance(value, str):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]


def _type_word(value: object) -> str:
    return _TYPE_WORDS.get(type(value), type(value).__name__)


def _shape_at(loc: Place, own: Shapes) -> type[Shape] | None:
    for below, shape in own.items():
        if loc[: len(below)] == below:
            return _within(shape, loc[len(below) :])
    for pattern, shape in SHAPES.items():
        fits = (known in ("*", part) for known, part in zip(pattern, loc, strict=False))
        if len(pattern) == len(loc) and all(fits):
            return shape
    return None


def _within(shape: type[Shape], rest: Place) -> type[Shape] | None:
    """The shape of the table at the place `rest` inside a table of the shape `shape`. None if that
    place is not a table. The names in a table of tables are skipped.
    """
    while rest:
        field = shape.model_fields.get(str(rest[0]))
        kind = field.annotation if field is not None else None
        inner = [each for each in (kind, *get_args(kind)) if _is_shape(each)]
        if not inner:
            return None
        shape, rest = inner[0], rest[2:] if get_origin(kind) is dict else rest[1:]
    return shape


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Shape)


def _description(loc: Place, own: Shapes) -> str:
    """What is expected at a place: the description of the field, or `a table`."""
    shape = _shape_at(loc[:-1], own)
    if shape is not None and str(loc[-1]) in shape.model_fields:
        return shape.model_fields[str(loc[-1])].description or ""
    return "a table" if _shape_at(loc, own) else ""


def _position(place: Place, table: Table, ranks: dict[int, dict[object, int]]) -> tuple[int, ...]:
    """The position of a place in the table, as numbers to sort by. `ranks` caches the order of each
    table's keys.
    """
    position: list[int] = []
    here: object = table
    for part in place:
        if isinstance(here, dict):
            if id(here) not in ranks:
                ranks[id(here)] = {key: rank for rank, key in enumerate(here)}
            position.append(ranks[id(here)].get(part, len(here)))
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            position.append(part)
            here = here[part] if part < len(here) else None
    return tuple(position)
