"""Splits a command line into words, as a shell would; a line that only a shell can read stays."""

from __future__ import annotations

import shlex

_SHELL = ("&&", "||", ";", "|", "$", "`", ">", "<", "*", "~")


def split(line: str) -> tuple[str, ...]:
    """The words of a command line; `sh -c` with the whole line if a shell must read it. Empty for
    an empty line.
    """
    line = " ".join(line.split())
    if not line:
        return ()
    try:
        words = tuple(shlex.split(line))
    except ValueError:  # an open quote
        words = ()
    if not words or any(mark in line for mark in _SHELL):
        return ("sh", "-c", line)
    return words
