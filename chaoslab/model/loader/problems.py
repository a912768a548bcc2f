"""Problems with their place in the file: written as people write it, kept in the file's order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chaoslab.errors import Problem, did_you_mean
from chaoslab.model.loader.base import Shape
from chaoslab.model.loader.shape import SHAPES
from chaoslab.model.mask import MASKED, Mask

Place = tuple[str | int, ...]
Found = tuple[Place, Problem]
Shapes = Mapping[tuple[str, ...], type[Shape]]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
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
_WANTED = {
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "int_type": "a whole number",
    "float_type": "a number",
}


def written(place: Place) -> str:
    """A place as in `connectors.vpc.links[1]`; a key that TOML would quote is quoted."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
        text += f".{key}" if text else key
    return text


def in_file_order(found: Sequence[Found], document: Mapping[str, object]) -> Iterator[Problem]:
    """The problems by the order in which their places stand in the document."""
    ranks: dict[int, dict[object, int]] = {}
    for _, problem in sorted(found, key=lambda each: _position(each[0], document, ranks)):
        yield problem


def shape_problems(
    error: ValidationError,
    prefix: Place,
    file: str,
    mask: Mask,
    *,
    below: tuple[str, ...] = (),
    shape: type[Shape] | None = None,
) -> Iterator[Found]:
    """Each finding of pydantic as a problem in the house's words; `mask` hides what is secret
    before it is shortened. `shape` is that of the table at `below`, where it depends on the file.
    """
    own = {below: shape} if shape is not None else {}
    for detail in error.errors(include_url=False):
        loc = (*below, *(part for part in detail["loc"] if part != "[key]"))
        place = (*prefix, *loc)
        if detail["type"] == "missing":
            yield place, _missing(place, loc, file, own)
        elif detail["type"] == "together":
            yield place, Problem(where=at(file, place), **detail["ctx"])
        elif detail["type"] == "extra_forbidden":
            yield place, _unknown_key(place, loc, file, own)
        else:
            yield place, _bad_value(place, loc, detail, file, mask=mask, own=own)


def at(file: str, place: Place) -> str:
    """Where a problem is, as in `chaoslab.toml: apps.backend`."""
    return f"{file}: {written(place)}" if place else file


def _missing(place: Place, loc: Place, file: str, own: Shapes) -> Problem:
    key = str(place[-1])
    return Problem(
        where=at(file, place[:-1]),
        what=f"missing key '{key}'",
        expected=_description(loc, own),
    )


def _unknown_key(place: Place, loc: Place, file: str, own: Shapes) -> Problem:
    shape = _shape_at(loc[:-1], own)
    known = tuple(shape.model_fields) if shape else ()
    return Problem(
        where=at(file, place),
        what=f"unknown key '{place[-1]}'",
        expected="one of: " + ", ".join(known),
        fix=did_you_mean(str(place[-1]), known),
    )


def _bad_value(
    place: Place, loc: Place, detail: ErrorDetails, file: str, *, mask: Mask, own: Shapes
) -> Problem:
    kind, got = detail["type"], detail["input"]
    words = str(detail.get("ctx", {}).get("expected", ""))
    choices = tuple(re.findall(r"'([^']*)'", words)) if kind == "literal_error" else ()
    expected = "one of: " + ", ".join(choices) if choices else _description(loc, own)
    if kind in ("rule", "greater_than_equal") and not expected:
        expected = _description(loc[:-1], own)  # an entry of a list or table keeps its key's rule
    secret = len(loc) > 1 and loc[-2] in ("env", "args") and mask.knows_name(str(loc[-1]))
    shown = MASKED if secret else _shown(mask.text(got) if isinstance(got, str) else got)
    fix = did_you_mean(got, choices) if isinstance(got, str) else ""
    if "[key]" in detail["loc"]:
        expected = "a non-empty name without '='"
    elif _WANTED.get(kind) == "a string" and isinstance(got, bool | int | float):
        fix = f'put it in quotes: "{shown}"'
    return Problem(
        where=at(file, place),
        what=f"got {shown} ({_type_word(got)})",
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
    """The shape of a table below one of that shape; the names in a table of tables are skipped."""
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
    """What a field wants: its own description; a whole table's where it stands for one."""
    shape = _shape_at(loc[:-1], own)
    if shape is not None and str(loc[-1]) in shape.model_fields:
        return shape.model_fields[str(loc[-1])].description or ""
    return "a table" if _shape_at(loc, own) else ""


def _position(
    place: Place, document: Mapping[str, object], ranks: dict[int, dict[object, int]]
) -> tuple[int, ...]:
    """Where a place stands; `ranks` keeps each table's order, so that many mistakes stay quick."""
    position: list[int] = []
    here: object = document
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
