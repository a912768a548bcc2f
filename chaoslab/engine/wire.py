"""JSON as Toxiproxy's Go reads and writes it, down to the texts of its errors."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Mapping

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_GO_KINDS = {str: "string", bool: "bool", list: "array", dict: "object"}
_INT64 = range(-(2**63), 2**63)
_KEY = "looking for beginning of object key string"
# What Python's decoder expected, and how Go's says so.
_EXPECTED = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": _KEY,
    "Illegal trailing comma before end of object": _KEY,
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
}


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
    raise bad_body(f"invalid character '{text[0]}' looking for beginning of value")


_DECODER = json.JSONDecoder(parse_float=_Float, parse_constant=_no_constant)


def decode(body: bytes) -> Json:
    """The first JSON value of the body; what follows it is ignored, as Go's decoder does."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise bad_body("EOF")
    try:
        value: Json = _DECODER.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        raise bad_body(_go_syntax_error(text, error)) from None
    return value


def _go_syntax_error(text: str, error: json.JSONDecodeError) -> str:
    at = text[error.pos : error.pos + 1]
    if not at or error.msg.startswith("Unterminated string"):
        return "unexpected EOF"
    if error.msg == "Expecting value" and (broken := _broken_literal(text[error.pos :])):
        return broken
    if error.msg.startswith("Illegal trailing comma"):
        at = text[error.pos + 1 :].lstrip(" \t\r\n")[:1]
    return f"invalid character {_quoted(at)} {_EXPECTED.get(error.msg, 'in value')}"


def _broken_literal(rest: str) -> str:
    """What Go says of `nul` and `nux`; empty if this does not begin like a literal."""
    if rest == "-":
        return "unexpected EOF"
    for literal in ("true", "false", "null"):
        if rest[0] != literal[0]:
            continue
        for expected, got in itertools.zip_longest(literal, rest[: len(literal)]):
            if got is None:
                return "unexpected EOF"
            if got != expected:
                where = f"in literal {literal} (expecting {_quoted(expected)})"
                return f"invalid character {_quoted(got)} {where}"
    return ""


def _quoted(character: str) -> str:
    return {"'": "'\\''", '"': "'\"'"}.get(character, f"'{character}'")


def members(value: Json, go_type: str) -> dict[str, Json]:
    """The members of an object by lower-case name (Go matches names so); null has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body(f"json: cannot unmarshal {_kind(value)} into Go value of type {go_type}")
    return {name.lower(): member for name, member in value.items() if member is not None}


def inner(members_: Mapping[str, Json], name: str, where: str, go_type: str) -> dict[str, Json]:
    """The object under `name`, likewise; absent is empty."""
    value = members_.get(name)
    if value is not None and not isinstance(value, dict):
        raise _mismatch(_kind(value), f"{where}.{name}", go_type)
    return members(value, go_type)


def text_of(members_: Mapping[str, Json], name: str, where: str, default: str) -> str:
    """A string member."""
    value = members_.get(name, default)
    if not isinstance(value, str):
        raise _mismatch(_kind(value), f"{where}.{name}", "string")
    return value


def flag_of(members_: Mapping[str, Json], name: str, where: str, default: bool) -> bool:
    """A boolean member."""
    value = members_.get(name, default)
    if not isinstance(value, bool):
        raise _mismatch(_kind(value), f"{where}.{name}", "bool")
    return value


def int_of(
    members_: Mapping[str, Json], name: str, where: str, default: int, go_type: str = "int64"
) -> int:
    """An integer member; a fraction or an overflow is refused with the number as written."""
    value = members_.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(_kind(value, number=True), f"{where}.{name}", go_type)
    if value not in _INT64:
        raise _mismatch(f"number {value}", f"{where}.{name}", go_type)
    return value


def float_of(members_: Mapping[str, Json], name: str, where: str, default: float) -> float:
    """A float32 member, rounded to the double that Go would print for it."""
    value = members_.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(_kind(value), f"{where}.{name}", "float32")
    try:
        return _float32(float(value))
    except OverflowError:
        raise _mismatch(f"number {value}", f"{where}.{name}", "float32") from None


def _float32(value: float) -> float:
    (nearest,) = struct.unpack("f", struct.pack("f", value))
    for digits in range(1, 10):
        short = float(f"{value:.{digits}g}")
        if struct.unpack("f", struct.pack("f", short))[0] == nearest:
            return short
    return float(nearest)


def _kind(value: Json, *, number: bool = False) -> str:
    if isinstance(value, _Float) and number:
        return f"number {value.text}"
    return _GO_KINDS.get(type(value), "number")


def _mismatch(kind: str, field: str, go_type: str) -> ApiError:
    return bad_body(f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}")


def encode(value: object) -> str:
    """Compact JSON with Go's escapes; a whole float is written as an integer."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float) -> int | float:
    """A float as Go writes it: 1, not 1.0."""
    return int(value) if value == int(value) else value
