"""Mistakes in a topology file, each with its place, and the codes that several tables share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, did_you_mean
from chaoslab.reason import Reason

Place = tuple[str | int, ...]  # keys of tables and indexes of lists, from the top of the file
Table = Mapping[str, object]

NAMED_TWICE = ErrorCode(
    "topology.named_twice", "'{name}' is named twice", "A list has the same entry twice."
)
NO_LINK = ErrorCode(
    "topology.no_link",
    lambda data: (
        f"app '{data['app']}' has no link to '{data['service']}'"
        if data["app"]
        else f"no app has a link to '{data['service']}'"
    ),
    "An entry needs a link that the app does not have. If `app` is empty, no app has such a link.",
    data=("app", "service"),
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake at a place of the topology's table. `missing_key` is a key that is
    missing there.
    """

    place: Place
    reason: Reason
    missing_key: str = ""
    expected: str = ""
    fix: str = ""

    def problem(self, file: str, prefix: Place = ()) -> Problem:
        """The mistake as a problem for people. `prefix` is the place of the table in the file."""
        where = at(file, (*prefix, *self.place))
        return Problem(reason=self.reason, where=where, expected=self.expected, fix=self.fix)


def unknown(place: Place, kind: str, name: str, known: Mapping[str, object]) -> Mistake:
    """The mistake of a name that the file does not declare. `kind` says what the name is for, as in
    `service`; `known` are the names of that kind that the file declares.
    """
    return Mistake(
        place=place,
        reason=UNKNOWN_NAME(kind=kind, name=name),
        expected="one of: " + ", ".join(known) if known else f"none: the file declares no {kind}",
        fix=did_you_mean(name, known),
    )


def named_twice(place: Place, name: str, kind: str) -> Mistake:
    """The mistake that an entry of a list is the same as an earlier one. `kind` says what the
    entries are.
    """
    return Mistake(place=place, reason=NAMED_TWICE(name=name), expected=f"each {kind} once")


def at(file: str, place: Place) -> str:
    """The file and the place of a problem, as in `chaoslab.toml: connectors.vpc.links[1]`."""
    return f"{file}: {written(place)}" if place else file


def written(place: Place) -> str:
    """A place as text, as in `connectors.vpc.links[1]`. A key that TOML would quote is quoted."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
        text += f".{key}" if text else key
    return text


def table_of(value: object) -> Table:
    """The value if it is a table, else an empty table: a wrong type is reported elsewhere."""
    return value if isinstance(value, dict) else {}


def tables_of(value: object) -> dict[str, Table]:
    """Maps each key of a table to its value. A value that is not a table counts as an
    empty table.
    """
    return {name: table_of(table) for name, table in table_of(value).items()}


def texts_of(value: object) -> list[tuple[int, str]]:
    """The strings of a list, each with its index. Other entries are left out."""
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, str)]
