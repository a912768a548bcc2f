"""The JSON object that an app answers with, or in plain words why there is none to read.

A body is an app's word, and any program may write it: bytes of another charset, gzip that nobody
asked for, lists in lists in lists, one member twice. Each is the app's mistake, and none may end
the probe.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from chaoslab.probes.base import as_text
from chaoslab.probes.request import Reply

MOST_LEVELS = 64
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
    """No JSON object; the text says what there is instead."""


def object_of(reply: Reply) -> dict[str, object]:
    """The JSON object of an answer; raises BadBody. Its charset is UTF-8, whatever it claims."""
    if reply.encoding:
        raise BadBody(
            f"the content encoding {as_text(reply.encoding)}, which the lab does not read"
        )
    try:
        value = json.loads(reply.body.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise BadBody("bytes that are not UTF-8") from None
    except RecursionError:
        raise BadBody(f"JSON of more than {MOST_LEVELS} levels") from None
    except ValueError:  # no JSON, or a number of thousands of digits
        raise BadBody("invalid JSON" if reply.body.strip() else "no body") from None
    if not isinstance(value, dict):
        raise BadBody(kind_of(value))
    _demand_flat(value)
    return value


def word_of(value: object) -> str | None:
    """A text, number or boolean of a body as a word; None for null, a list or an object."""
    if isinstance(value, bool):
        return str(value).lower()  # as JSON writes it
    return as_text(value) if isinstance(value, str | int | float) else None


def kind_of(value: object) -> str:
    """What a value of a body is, in words."""
    return _KINDS[type(value)]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two values for one name: readers differ in which one they take, so there is none."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadBody("an object with a duplicate member")
    return members


def _demand_flat(value: dict[str, object]) -> None:
    level: list[object] = [value]
    for _ in range(MOST_LEVELS):
        inner = (one for each in level for one in _inside(each))
        level = [one for one in inner if isinstance(one, list | dict)]
        if not level:
            return
    raise BadBody(f"JSON of more than {MOST_LEVELS} levels")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
