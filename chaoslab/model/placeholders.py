"""Finds and fills placeholders such as `{postgres.url}` in commands, environments and bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean

LINK_FIELDS = ("url", "host", "port")
# As in `postgresql+asyncpg`, or with a prefix as in `jdbc:postgresql`.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?::[A-Za-z][A-Za-z0-9+.-]*)*")
_PORT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_ESCAPES = {"{{": "{", "}}": "}"}
UNMATCHED_BRACE = ErrorCode(
    "placeholder.unmatched_brace",
    "'{brace}' at character {character} has no matching brace",
    "A text has a single brace that belongs to no placeholder.",
)
BAD_SCHEME = ErrorCode(
    "placeholder.bad_scheme",
    "'{scheme}' is not the scheme of a URL",
    "A placeholder asks for a service's URL with another scheme, and that scheme is not valid.",
)
_DOUBLE_IT = "write '{{' or '}}' for a literal brace"


class Name(NamedTuple):
    """The parts of a placeholder's name, as of `postgres.url:postgresql+asyncpg`.

    `service` is empty if the name is not that of a service. `scheme` is None if the name asks for
    none. Of `port:grpc` it is the name of a further port.
    """

    service: str
    field: str
    scheme: str | None

    @property
    def plain(self) -> str:
        """The name without the scheme."""
        return f"{self.service}.{self.field}" if self.service else self.field


def parsed(name: str) -> Name:
    """The parts of a placeholder's name."""
    plain, colon, scheme = name.partition(":")
    service, _, field = plain.rpartition(".")
    return Name(service, field, scheme if colon else None)


def port_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of further ports in `texts`, each once: `grpc` of `{port:grpc}`."""
    found = (parsed(name) for text in texts for name in names_in(text))
    names = (each.scheme for each in found if each.plain == "port" and each.scheme is not None)
    return tuple(dict.fromkeys(name for name in names if _PORT_NAME.fullmatch(name)))


def known_to_app(links: Mapping[str, Iterable[str]], ports: Iterable[str] = ()) -> list[str]:
    """The names of the placeholders that an app may use in its command and environment, without
    schemes. `links` maps each service that it has a link to, to the fields that only its kind has.
    `ports` are the names of its further ports.
    """
    return [
        "port",
        *(f"port:{name}" for name in ports),
        "host",
        "python",
        *(f"{each}.{field}" for each, own in links.items() for field in (*LINK_FIELDS, *own)),
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `{name}` replaced by `values[name]`, and `{{`, `}}` by single braces.

    Braces in a value stay as they are. For a URL with another scheme, `values` has the whole name.
    Raises SpecError with every unknown name and every brace that has no matching brace.
    """
    problems = tuple(placeholder_problems(repr(text), text, values))
    if problems:
        raise SpecError(problems)
    return _TOKEN.sub(_filler(values), text)


def placeholder_problems(where: str, text: str, known: Collection[str]) -> Iterator[Problem]:
    """The problems with the placeholders of `text`. `known` are the names that may be used; a URL
    of them may also be used with a scheme. `where` is the place of the text in the problems.
    """
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name is not None and name not in known:
            yield from _name_problems(where, name, known)
        elif name is None and token[0] not in _ESCAPES:
            yield Problem(
                reason=UNMATCHED_BRACE(brace=token[0], character=token.start() + 1),
                where=where,
                expected="placeholders such as '{port}'",
                fix=_DOUBLE_IT,
            )


def _name_problems(where: str, name: str, known: Collection[str]) -> Iterator[Problem]:
    asked = parsed(name)
    if asked.field == "url" and asked.scheme is not None and asked.plain in known:
        if not _SCHEME.fullmatch(asked.scheme):
            yield Problem(
                reason=BAD_SCHEME(scheme=asked.scheme),
                where=where,
                expected=f"a scheme without '://', as in {{{asked.plain}:postgresql+asyncpg}}",
            )
        return
    if (
        asked.plain == "port"
        and asked.scheme is not None
        and not _PORT_NAME.fullmatch(asked.scheme)
    ):
        yield Problem(
            reason=UNKNOWN_NAME(kind="placeholder", name=f"{{{name}}}"),
            where=where,
            expected="a letter, then letters, digits, '-' and '_', as in {port:grpc}",
        )
        return
    of_service = [each for each in known if asked.service and parsed(each).service == asked.service]
    yield Problem(
        reason=UNKNOWN_NAME(kind="placeholder", name=f"{{{name}}}"),
        where=where,
        expected="one of: " + ", ".join(f"{{{each}}}" for each in of_service or known),
        fix=did_you_mean(name, known) or did_you_mean(asked.plain, known) or _DOUBLE_IT,
    )


def names_in(text: str) -> tuple[str, ...]:
    """The names of the placeholders in `text`, in order."""
    return tuple(token["name"] for token in _TOKEN.finditer(text) if token["name"] is not None)


def is_of_service(text: str, services: Collection[str]) -> bool:
    """Whether the text is one placeholder of one of `services`, and nothing else. It is no secret
    then, even if the value that fills it is one.
    """
    names = names_in(text)
    return names[:1] == (text[1:-1],) and parsed(names[0]).service in services


def _filler(values: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def replacement(token: re.Match[str]) -> str:
        name = token["name"]
        return _ESCAPES[token[0]] if name is None else values[name]

    return replacement
