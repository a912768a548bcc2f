"""Reads a Dockerfile as far as `init` needs it: its command, its port and its variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from chaoslab.discover.shell import split

_FOLDED = re.compile(r"\\[ \t]*\n(?:[ \t]*#[^\n]*\n)*")
_LINE = re.compile(r"\s*(?P<what>[A-Za-z]+)\s+(?P<rest>.+?)\s*")
_ENV_PAIR = re.compile(r"""([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)""")
_HTTP = re.compile(r"https?://[^/\s'\"]+(?P<path>/[^\s'\"|;&)]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What the last stage of a Dockerfile says. `port` is 0 if it exposes none."""

    command: tuple[str, ...] = ()
    port: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    health_path: str = ""


def read_dockerfile(text: str) -> Dockerfile:
    """The last stage of the Dockerfile. Raises no error: what cannot be read is left out."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    port, variables, health = 0, dict[str, str](), ""
    for what, rest in _instructions(text):
        if what == "FROM":
            entrypoint, command, port, variables, health = (), (), 0, {}, ""
        elif what == "ENTRYPOINT":
            entrypoint, command = _words(rest), ()
        elif what == "CMD":
            command = _words(rest)
        elif what == "EXPOSE":
            first = rest.split()[0].partition("/")[0]
            port = int(first) if first.isascii() and first.isdecimal() and len(first) <= 5 else port
        elif what == "ENV":
            variables |= dict(_variables(rest))
        elif what == "HEALTHCHECK" and (match := _HTTP.search(rest)):
            health = match["path"]
    words = (*entrypoint, *command)
    return Dockerfile(
        command=words, port=port if port < 65536 else 0, variables=variables, health_path=health
    )


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in _FOLDED.sub(" ", text.replace("\r\n", "\n")).splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            yield match["what"].upper(), match["rest"]


def _words(rest: str) -> tuple[str, ...]:
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
    return split(rest)


def _variables(rest: str) -> Iterator[tuple[str, str]]:
    found = _ENV_PAIR.findall(rest)
    if not found and len(parts := rest.split(maxsplit=1)) == 2:
        found = [(parts[0], parts[1])]
    for name, value in found:
        yield name, value.strip("\"'")
