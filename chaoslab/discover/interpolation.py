"""Replaces variables in a text as Compose and tools for `.env` files do: `$A`, `${A:-b}`, `$$`."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_CHARACTERS = 4_000  # of a text that is looked at, and of the result
_MOST_LEVELS = 10  # of defaults within defaults
_DOLLAR = "\ue000"  # stands for a dollar that begins no variable; for private use in Unicode
_VARIABLE = re.compile(
    r"\$\$|\$\{(?P<braced>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<more>[^{}]*))?\}|\$(?P<bare>[A-Za-z_]\w*)"
)


def interpolated(text: str, variables: Mapping[str, str], *, keep_unknown: bool = False) -> str:
    """The text with the values of its variables. One without a value and without a default becomes
    empty; with `keep_unknown` it stays as it is written. Of a text that is too long, or becomes it,
    nothing is replaced.
    """
    if "$" not in text or len(text) > MOST_CHARACTERS:
        return text

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return _DOLLAR
        name, how, more = match["braced"] or match["bare"], match["how"] or "", match["more"] or ""
        given = variables.get(name)
        if how.endswith("+"):
            return more if given else ""
        if given is None and not how and keep_unknown:
            return match[0].replace("$", _DOLLAR)
        absent = given is None or (how.startswith(":") and not given)
        # A dollar of a value begins no variable.
        return (more if how.endswith("-") else "") if absent else _plain(given or "")

    done, before = text, ""
    for _ in range(_MOST_LEVELS):  # the innermost first
        if done == before or len(done) > MOST_CHARACTERS:
            break
        done, before = _VARIABLE.sub(value, done), done
    return done.replace(_DOLLAR, "$") if len(done) <= MOST_CHARACTERS else text


def _plain(value: str) -> str:
    return value.replace("$", _DOLLAR)
