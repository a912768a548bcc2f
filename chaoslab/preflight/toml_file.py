"""Reads TOML as nodes with lines. tomllib gives no lines, so they come from a scan of the text.

They are exact for tables and for keys that begin a line. An entry inside an inline table or a
value of several lines has the line of the key before it.
"""

from __future__ import annotations

import re
import tomllib

from chaoslab.errors import NOT_VALID, Problem, SpecError
from chaoslab.preflight.node import Items, Node, Table, Text

_HEADER = re.compile(r"\s*(\[\[?)([^\]]+)\]\]?\s*(?:#.*)?$")
_ENTRY = re.compile(r"\s*((?:[A-Za-z0-9_.\- ]|\"[^\"]*\"|'[^']*')+?)\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

Place = tuple[str | int, ...]


def toml_document(text: str, file: str) -> tuple[Node, ...]:
    """The document of a TOML text, as a tuple of one node; empty for an empty text. Raises
    SpecError if the text is no valid TOML.
    """
    try:
        document = tomllib.loads(text)
        return (_node(document, (), _lines(text), 1),) if document else ()
    except ValueError as error:
        raise SpecError([_syntax(str(error), text, file)]) from None
    except RecursionError:
        reason = NOT_VALID(format="TOML", cause="nested too deeply")
        raise SpecError(Problem(reason=reason, where=file)) from None


def _node(value: object, place: Place, lines: dict[Place, int], line: int) -> Node:
    line = lines.get(place, line)
    if isinstance(value, dict):
        return Table(
            line=line,
            entries={
                str(key): _node(each, (*place, str(key)), lines, line)
                for key, each in value.items()
            },
        )
    if isinstance(value, list):
        nodes = (_node(each, (*place, at), lines, line) for at, each in enumerate(value))
        return Items(line=line, items=tuple(nodes))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Text(line=line, text=text)


def _lines(text: str) -> dict[Place, int]:
    """Maps each table, key and item of a `[[list]]` of a TOML text to the number of its first
    line.
    """
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _resolved(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                lines.setdefault(table, number)
                table = (*table, counts[table] - 1)
            lines.setdefault(table, number)
        elif entry := _ENTRY.match(line):
            place = table
            for part in _parts(entry[1]):
                place = (*place, part)
                lines.setdefault(place, number)
    return lines


def _resolved(parts: list[str], counts: dict[Place, int]) -> Place:
    """The place that a header with these `parts` names. For a list inside its path, the place is in
    the list's last item so far. `counts` maps a list to its number of items so far.
    """
    place: Place = ()
    for at, part in enumerate(parts):
        place = (*place, part)
        if at < len(parts) - 1 and place in counts:
            place = (*place, counts[place] - 1)
    return place


def _parts(dotted: str) -> list[str]:
    return [first or second or bare for first, second, bare in _PART.findall(dotted)]


def _syntax(message: str, text: str, file: str) -> Problem:
    position = _POSITION.search(message)
    if position is None:
        return Problem(reason=NOT_VALID(format="TOML", cause=message), where=file)
    cause, where = message[: position.start()], f"{file}:{position[1]}:{position[2]}"
    if position[1] is None:
        last = text.count("\n") + 1
        cause, where = f"{cause}, at the end", f"{file}:{last}"
    return Problem(reason=NOT_VALID(format="TOML", cause=cause), where=where)
