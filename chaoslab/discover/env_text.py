"""Reads the text of a `.env` file as tools for it do: what is no variable is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chaoslab.discover.interpolation import interpolated

MOST_VARIABLES = 1_000
MOST_CHARACTERS = 4_000  # of one value
_MOST_LINES = 100  # of one value in quotes, such as a key in PEM
_LINE = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=[^\S\n]*(?P<value>.*)", re.DOTALL
)
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<value>.*?)(?P=quote)\s*(?:#.*)?$""", re.DOTALL)
_COMMENT = re.compile(r"(?<!\s)\s+#.*$")


def variables_in(text: str) -> Mapping[str, str]:
    """Maps the name of each variable in the text to its value, without quotes and comments. A value
    in quotes may have several lines. `${A}` is replaced by the value of an earlier variable, if
    there is one.

    At most `MOST_VARIABLES` are returned. Values that cannot be in an environment are left out.
    """
    found: dict[str, str] = {}
    for line in _lines(text.splitlines()):
        if len(found) >= MOST_VARIABLES:
            break
        match = _LINE.match(line[: MOST_CHARACTERS * 2])
        if match is None:
            continue
        value = _plain(match["value"], found)
        if len(value) <= MOST_CHARACTERS and "\0" not in value:
            found[match["name"]] = value
    return found


def _lines(lines: list[str]) -> Iterator[str]:
    """The lines; those of one value in quotes as one, if a later line ends the quote."""
    number = 0
    while number < len(lines):
        more = _more(lines[number], lines[number + 1 : number + 1 + _MOST_LINES])
        yield "\n".join((lines[number], *more))
        number += 1 + len(more)


def _more(line: str, after: list[str]) -> list[str]:
    """The lines after a line that belong to its value; none if the quote is not open, or if a
    variable begins before its end.
    """
    match = _LINE.match(line)
    quote = match["value"][:1] if match else ""
    if match is None or quote not in ("'", '"') or quote in match["value"][1:]:
        return []
    end = next((n for n, each in enumerate(after) if quote in each), -1)
    return [] if any(map(_LINE.match, after[: end + 1])) else after[: end + 1]


def _plain(text: str, before: Mapping[str, str]) -> str:
    quoted = _QUOTED.match(text)
    value = quoted["value"] if quoted else _COMMENT.sub("", text).strip()
    literal = quoted is not None and quoted["quote"] == "'"
    return value if literal else interpolated(value, before, keep_unknown=True)
