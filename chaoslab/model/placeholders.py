"""Finds and fills placeholders such as `{postgres.url}` in commands, environments and bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean

LINK_FIELDS = ("url", "host", "port")
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_ESCAPES = {"{{": "{", "}}": "}"}
UNMATCHED_BRACE = ErrorCode(
    "placeholder.unmatched_brace",
    "'{brace}' at character {character} has no matching brace",
    "A text has a single brace that belongs to no placeholder.",
)
_DOUBLE_IT = "write '{{' or '}}' for a literal brace"


def known_to_app(links: Iterable[str]) -> list[str]:
    """The names of the placeholders that an app may use in its command and environment. `links` are
    the services that it has links to.
    """
    return [
        "port",
        "host",
        "python",
        *(f"{each}.{field}" for each in links for field in LINK_FIELDS),
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `{name}` replaced by `values[name]`, and `{{`, `}}` by single braces.

    Braces in a value stay as they are. Raises SpecError with every unknown name and every brace
    that has no matching brace.
    """
    problems = tuple(placeholder_problems(repr(text), text, values))
    if problems:
        raise SpecError(problems)
    return _TOKEN.sub(_filler(values), text)


def placeholder_problems(where: str, text: str, known: Collection[str]) -> Iterator[Problem]:
    """The problems with the placeholders of `text`. `known` are the names that may be used; `where`
    is the place of the text in the problems.
    """
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name is not None and name not in known:
            yield Problem(
                reason=UNKNOWN_NAME(kind="placeholder", name=f"{{{name}}}"),
                where=where,
                expected="one of: " + ", ".join(f"{{{each}}}" for each in known),
                fix=did_you_mean(name, known) or _DOUBLE_IT,
            )
        elif name is None and token[0] not in _ESCAPES:
            yield Problem(
                reason=UNMATCHED_BRACE(brace=token[0], character=token.start() + 1),
                where=where,
                expected="placeholders such as '{port}'",
                fix=_DOUBLE_IT,
            )


def names_in(text: str) -> tuple[str, ...]:
    """The names of the placeholders in `text`, in order."""
    return tuple(token["name"] for token in _TOKEN.finditer(text) if token["name"] is not None)


def _filler(values: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def replacement(token: re.Match[str]) -> str:
        name = token["name"]
        return _ESCAPES[token[0]] if name is None else values[name]

    return replacement
