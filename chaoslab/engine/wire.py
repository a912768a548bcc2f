"""JSON as Toxiproxy's Go reads and writes it, down to the texts of its errors."""

from __future__ import annotations

import contextlib
import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal

from chaoslab.engine.syntax import complaint

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_GO_KINDS = {str: "string", bool: "bool", list: "array", dict: "object"}
_INT64 = range(-(2**63), 2**63)
# Go escapes these in its answers, so that they can stand in a script.
_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
# Strings may hold half of a surrogate pair; Go reads it as the replacement character.
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# Longer numbers fit nothing, and Python refuses to read the longest.
_MAX_DIGITS = 400
# What a body may hold: far more than a lab needs, and little enough to go through in between.
_MAX_LEVELS = 256
_MAX_CONTAINERS = 10_000
_SMALL = re.compile(r'(?<="toxicity":)-?[0-9.]+e-[0-9]+')


class ApiError(Exception):
    """An answer that is not a success: Toxiproxy's `{"error": text, "status": n}`."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def bad_body(detail: str) -> ApiError:
    """400 for a body that cannot be read."""
    return ApiError(f"bad request body: {detail}", 400)


class _Float(float):
    """A float that remembers how it was written, for the error texts."""

    text: str

    def __new__(cls, text: str) -> _Float:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _no_constant(text: str) -> Json:
    raise ValueError(text)  # NaN and its like are no JSON


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else _Float(text)


_DECODER = json.JSONDecoder(parse_float=_Float, parse_int=_whole, parse_constant=_no_constant)


def decode(body: bytes) -> Json:
    """The first JSON value of the body; what follows it is ignored, as Go's decoder does."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise bad_body("EOF")
    try:
        value: Json
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        raise bad_body(complaint(body) or "nested too deeply") from None
    if text[end : end + 1] in (".", "e", "E") and (why := complaint(body)):
        raise bad_body(why)  # a number of its own that breaks off
    _demand_bounded(value, containers=text.count("{") + text.count("["))
    return value


def _demand_bounded(value: Json, *, containers: int) -> None:
    if containers <= _MAX_LEVELS:
        return
    if containers > _MAX_CONTAINERS:
        raise bad_body(f"more than {_MAX_CONTAINERS} objects and arrays")
    level: list[Json] = [value]
    for _ in range(_MAX_LEVELS):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise bad_body("nested too deeply")


def _inside(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def digits(text: str) -> int | None:
    """The number that a few ASCII digits write; None for anything else, as for "²" or 5,000."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def members(value: Json, go_type: str) -> dict[str, Json]:
    """The members of an object by lower-case name (Go matches names so); null has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body(f"json: cannot unmarshal {kind_of(value)} into Go value of type {go_type}")
    return {name.casefold(): member for name, member in value.items() if member is not None}


def inner(members_: Mapping[str, Json], name: str, where: str, go_type: str) -> dict[str, Json]:
    """The object under `name`, likewise; absent is empty."""
    value = members_.get(name)
    if value is not None and not isinstance(value, dict):
        raise _mismatch(kind_of(value), f"{where}.{name}", go_type)
    return members(value, go_type)


def in_turn(members_: Mapping[str, Json], readers: Mapping[str, Callable[[], object]]) -> None:
    """Read members in the body's order, so that of two mistakes the first one is told."""
    for name in members_:
        if name in readers:
            readers[name]()


def text_of(members_: Mapping[str, Json], name: str, where: str, default: str) -> str:
    """A string member."""
    value = members_.get(name, default)
    if not isinstance(value, str):
        raise _mismatch(kind_of(value), f"{where}.{name}", "string")
    return _HALF_PAIR.sub("\ufffd", value)


def flag_of(members_: Mapping[str, Json], name: str, where: str, default: bool) -> bool:
    """A boolean member."""
    value = members_.get(name, default)
    if not isinstance(value, bool):
        raise _mismatch(kind_of(value), f"{where}.{name}", "bool")
    return value


def int_of(
    members_: Mapping[str, Json], name: str, where: str, default: int, go_type: str = "int64"
) -> int:
    """An integer member; a fraction or an overflow is refused with the number as written."""
    value = members_.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(kind_of(value, number=True), f"{where}.{name}", go_type)
    if value not in _INT64:
        raise _mismatch(f"number {value}", f"{where}.{name}", go_type)
    return value


def float_of(members_: Mapping[str, Json], name: str, where: str, default: float) -> float:
    """A float32 member, rounded to the double that Go would print for it."""
    value = members_.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(kind_of(value), f"{where}.{name}", "float32")
    try:
        return _float32(float(value))
    except OverflowError:
        shown = value.text if isinstance(value, _Float) else value
        raise _mismatch(f"number {shown}", f"{where}.{name}", "float32") from None


def _float32(value: float) -> float:
    """The shortest decimal that means the nearest float32; OverflowError where there is none."""
    if math.isinf(value):
        raise OverflowError
    packed = struct.pack("<f", value)
    (nearest,) = struct.unpack("<f", packed)
    for digits in range(1, 9):
        short = float(f"{nearest:.{digits}g}")
        with contextlib.suppress(OverflowError):  # rounded up beyond the largest
            if struct.pack("<f", short) == packed:
                return short
    return float(f"{nearest:.9g}")


def kind_of(value: Json, *, number: bool = False) -> str:
    """What Go calls such a value; with `number`, a fraction as it was written."""
    if isinstance(value, _Float) and number:
        return f"number {value.text}"
    return _GO_KINDS.get(type(value), "number")


def _mismatch(kind: str, field: str, go_type: str) -> ApiError:
    return bad_body(f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}")


def encode(value: object) -> str:
    """Compact JSON with Go's escapes; a whole float is written as an integer."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPED)
    return _SMALL.sub(_as_go_writes_small, text)


def _as_go_writes_small(found: re.Match[str]) -> str:
    """Go turns to exponents below a millionth, and writes them without a leading zero."""
    value = float(found[0])
    if abs(value) < 1e-6:
        return re.sub(r"e-0", "e-", found[0])
    return format(Decimal(found[0]), "f")


def number(value: float) -> int | float:
    """A float as Go writes it: 1, not 1.0, but 1e+21."""
    return int(value) if value == int(value) and abs(value) < 1e21 else value
