"""Reads which path the health check of Compose or of a Dockerfile asks."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?:https?://[^/\s'\"]+|(?<![\w/.-])(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[^/\s'\"]+)?)"
    r"(?P<path>/[^\s'\"|;&)]*)"
)


def path_asked(text: str) -> str:
    """The path of the first address in the words of a health check, with or without `http://`;
    empty if it has none. A path with a variable of a shell is none.
    """
    match = _ADDRESS.search(text)
    return match["path"] if match and "$" not in match["path"] else ""
