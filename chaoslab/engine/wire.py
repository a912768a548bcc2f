"""JSON bodies: read as tolerantly as Toxiproxy does, but with limits, and written as it does."""

from __future__ import annotations

import contextlib
import json
import math
import re
import struct
from collections.abc import Mapping
from decimal import Decimal

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_KINDS = {
    str: "a string",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
_SHOWN_CHARACTERS = 40
_INT64 = range(-(2**63), 2**63)
# Go escapes these characters in its answers, so that JSON can be put into an HTML page.
_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
# Half of a surrogate pair in a string; Go reads it as the replacement character.
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# A longer number fits no field, and Python refuses to read very long ones.
_MAX_DIGITS = 400
# The limits of a body: far more than a lab needs, and small enough to be read in a short time.
_MAX_LEVELS = 256
_MAX_CONTAINERS = 10_000
_SMALL = re.compile(r'(?<="toxicity":)-?[0-9.]+e-[0-9]+')


class ApiError(Exception):
    """An error answer of the API, in Toxiproxy's shape `{"error": text, "status": n}`."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def bad_body(detail: str) -> ApiError:
    """The ApiError 400 for a body that cannot be read."""
    return ApiError(f"bad request body: {detail}", 400)


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is not allowed")  # NaN and Infinity are not JSON


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _fraction(text: str) -> float:
    return float(text)


# A large body is decoded in a thread. The hooks in Python let the data path run meanwhile: without
# them the decoder, written in C, holds the interpreter's lock for a whole megabyte of numbers.
_DECODER = json.JSONDecoder(parse_float=_fraction, parse_int=_whole, parse_constant=_no_constant)


def decode(body: bytes) -> Json:
    """The first JSON value of the body; the rest is ignored, as in Toxiproxy.

    Raises ApiError 400 if the body cannot be read.
    """
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise bad_body("it is empty; expected JSON")
    try:
        value: Json
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise bad_body(f"not JSON: {error.msg} (character {error.pos + 1})") from None
    except ValueError as error:
        raise bad_body(f"not JSON: {error}") from None
    except RecursionError:
        raise bad_body("nested too deeply") from None
    _require_bounded(value, containers=text.count("{") + text.count("["))
    return value


def _require_bounded(value: Json, *, containers: int) -> None:
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
    """`text` as a whole number if it has only ASCII digits; None for other texts, such as "²" or
    "5,000".
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def members(value: Json, what: str = "") -> dict[str, Json]:
    """Maps the names of an object's members, in lower case, to their values; empty for null.

    Members that are null are left out. Names are case-insensitive, as in Toxiproxy. Raises ApiError
    400 for any other value; `what` is the name of the value for the error, empty for the body
    itself.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mismatch(value, what, "an object")
    return {name.casefold(): member for name, member in value.items() if member is not None}


def items(value: Json, what: str = "") -> list[Json]:
    """The values of an array; an empty list for null. Raises ApiError 400 for any other value;
    `what` is the name of the value for the error.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(value, what, "an array")
    return value


def text_of(members_: Mapping[str, Json], name: str, default: str) -> str:
    """The member `name`, which must be a string; `default` if it is absent. Raises ApiError 400."""
    value = members_.get(name, default)
    if not isinstance(value, str):
        raise _mismatch(value, name, "a string")
    return _HALF_PAIR.sub("\ufffd", value)


def flag_of(members_: Mapping[str, Json], name: str, default: bool) -> bool:
    """The member `name`, which must be true or false; `default` if it is absent.

    Raises ApiError 400.
    """
    value = members_.get(name, default)
    if not isinstance(value, bool):
        raise _mismatch(value, name, "true or false")
    return value


def int_of(members_: Mapping[str, Json], name: str, default: int) -> int:
    """The member `name`, which must be a whole number of 64 bits; `default` if it is absent.

    Raises ApiError 400.
    """
    value = members_.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
        raise _mismatch(value, name, "a whole number of 64 bits")
    return value


def float_of(members_: Mapping[str, Json], name: str, default: float) -> float:
    """The member `name`, rounded to a float32, as the shortest decimal number for it; `default` if
    it is absent.

    Raises ApiError 400 if the member is not a number that fits a float32.
    """
    value = members_.get(name, default)
    if not isinstance(value, bool) and isinstance(value, int | float):
        with contextlib.suppress(OverflowError):
            return _float32(float(value))
    raise _mismatch(value, name, "a number that fits a float32")


def _float32(value: float) -> float:
    """The shortest decimal number whose nearest float32 is that of `value`. Raises OverflowError if
    there is none.
    """
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


def _mismatch(value: Json, name: str, expected: str) -> ApiError:
    where = f"{name}: " if name else ""
    return bad_body(f"{where}expected {expected}; got {_shown(value)}")


def _shown(value: Json) -> str:
    """A value as text for a message: a number is shown, cut if it is long; of any other value only
    its kind.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:_SHOWN_CHARACTERS]
    return _KINDS[type(value)]


def encode(value: object) -> str:
    """The value as compact JSON text, with characters escaped and small toxicities as Go does."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPED)
    return _SMALL.sub(_as_go_writes_small, text)


def _as_go_writes_small(found: re.Match[str]) -> str:
    """The small number that `found` matched, as Go writes it: with an exponent only below a
    millionth.
    """
    value = float(found[0])
    if abs(value) < 1e-6:
        return re.sub(r"e-0", "e-", found[0])
    return format(Decimal(found[0]), "f")


def number(value: float) -> int | float:
    """A float as the number that Go writes: 1 instead of 1.0, but 1e+21."""
    return int(value) if value == int(value) and abs(value) < 1e21 else value
