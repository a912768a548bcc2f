"""Reads the JSON in an app's answer, or describes what the answer has instead.

An app may send anything: another charset, gzip that was not requested, very deep nesting, a
duplicate member. None of these may crash a probe.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from chaoslab.probes.base import as_text
from chaoslab.probes.request import Reply

MOST_LEVELS = 64
MOST_VALUES = 4096  # in a body that a JMESPath expression searches: takes about 0.03 s
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class BadBody(Exception):
    """The body is not the JSON that is read. The text describes what it is."""


def object_of(reply: Reply) -> dict[str, object]:
    """The JSON object in the body of an answer. Raises BadBody if the body is something else."""
    value = json_of(reply)
    if not isinstance(value, dict):
        raise BadBody(kind_of(value))
    return value


def json_of(reply: Reply) -> object:
    """The JSON in the body of an answer. Raises BadBody if the body is something else.

    The body is always read as UTF-8; the charset in its content type is ignored.
    """
    if reply.encoding:
        raise BadBody(
            f"the content encoding {as_text(reply.encoding)}, which the lab does not read"
        )
    try:
        value: object = json.loads(reply.body.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise BadBody("bytes that are not UTF-8") from None
    except RecursionError:
        raise BadBody(f"JSON of more than {MOST_LEVELS} levels") from None
    except ValueError:  # not JSON, or a number with thousands of digits
        raise BadBody("invalid JSON" if reply.body.strip() else "no body") from None
    _check_levels(value)
    return value


def check_values(value: object) -> None:
    """Raises BadBody if the JSON has more values than an expression may search, each list, object
    and entry counted. So the app cannot make the lab slow.
    """
    left, count = [value], 0
    while left:
        inner = _items(left.pop())
        count += len(inner)
        if count > MOST_VALUES:
            raise BadBody(f"JSON of more than {MOST_VALUES} values")
        left += inner


def plain_text_of(reply: Reply) -> str | None:
    """The text of a `text/plain` answer, cut. None for another type, no text, or not UTF-8."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/plain" or reply.encoding:
        return None
    try:
        return as_text(reply.body.decode("utf-8-sig").strip()) or None
    except UnicodeDecodeError:
        return None


def word_of(value: object) -> str | None:
    """A text, number or boolean of a body as text. None for null, a list or an object."""
    if isinstance(value, bool):
        return str(value).lower()  # as JSON writes it
    return as_text(value) if isinstance(value, str | int | float) else None


def kind_of(value: object) -> str:
    """The JSON type of a value in words, such as `a list`."""
    return _KINDS[type(value)]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The dict of the members of a JSON object, given as (name, value) pairs. Raises BadBody if a
    name has two values: JSON readers differ in which one they take.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadBody("an object with a duplicate member")
    return members


def _check_levels(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MOST_LEVELS):
        inner = (one for each in level for one in _items(each))
        level = [one for one in inner if isinstance(one, list | dict)]
        if not level:
            return
    raise BadBody(f"JSON of more than {MOST_LEVELS} levels")


def _items(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
