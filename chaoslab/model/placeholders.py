"""Placeholders such as `{postgres.url}` in commands, environments and bodies: checked, filled."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from chaoslab.errors import Problem, SpecError, did_you_mean

LINK_FIELDS = ("url", "host", "port")
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_ESCAPES = {"{{": "{", "}}": "}"}
_DOUBLE_IT = "write '{{' or '}}' for a literal brace"


def known_to_app(links: Iterable[str]) -> list[str]:
    """The names that an app's command and environment may use, given the services it links to."""
    return [
        "port",
        "host",
        "python",
        *(f"{each}.{field}" for each in links for field in LINK_FIELDS),
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `{name}` replaced by `values[name]`, and `{{`, `}}` by single braces.

    A value is put in as it is: braces in it are not looked at again. Raises SpecError with every
    unknown name and every brace without its partner.
    """
    problems = tuple(placeholder_problems(repr(text), text, values))
    if problems:
        raise SpecError(problems)
    return _TOKEN.sub(_filler(values), text)


def placeholder_problems(where: str, text: str, known: Collection[str]) -> Iterator[Problem]:
    """What is wrong with the placeholders of `text`, given the names that may be used in it."""
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name is not None and name not in known:
            yield Problem(
                where=where,
                what=f"unknown placeholder '{{{name}}}'",
                expected="one of: " + ", ".join(f"{{{each}}}" for each in known),
                fix=did_you_mean(name, known) or _DOUBLE_IT,
            )
        elif name is None and token[0] not in _ESCAPES:
            yield Problem(
                where=where,
                what=f"'{token[0]}' at character {token.start() + 1} has no matching brace",
                expected="placeholders such as '{port}'",
                fix=_DOUBLE_IT,
            )


def names_in(text: str) -> tuple[str, ...]:
    """The placeholder names of `text` in their order, escapes left out."""
    return tuple(token["name"] for token in _TOKEN.finditer(text) if token["name"] is not None)


def _filler(values: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def replacement(token: re.Match[str]) -> str:
        name = token["name"]
        return _ESCAPES[token[0]] if name is None else values[name]

    return replacement
