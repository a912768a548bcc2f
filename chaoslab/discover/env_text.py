"""Reads the text of a `.env` file as tools for it do: what is no variable is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_VARIABLES = 1_000
MOST_CHARACTERS = 4_000  # of one value
_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(?P<value>.*)")
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<value>.*?)(?P=quote)\s*(?:#.*)?$""")
_COMMENT = re.compile(r"\s+#.*$")


def variables_in(text: str) -> Mapping[str, str]:
    """Maps the name of each variable in the text to its value, without quotes and comments.

    At most `MOST_VARIABLES` are returned. Values that cannot be in an environment are left out.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        if len(found) >= MOST_VARIABLES:
            break
        match = _LINE.match(line[: MOST_CHARACTERS * 2])
        if match is None:
            continue
        value = _plain(match["value"])
        if len(value) <= MOST_CHARACTERS and "\0" not in value:
            found[match["name"]] = value
    return found


def _plain(text: str) -> str:
    quoted = _QUOTED.match(text)
    return quoted["value"] if quoted else _COMMENT.sub("", text).strip()
