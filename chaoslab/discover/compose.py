"""Reads a Compose file as far as `init` needs it: services, images, ports, environment, health."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from chaoslab.discover.shell import split
from chaoslab.errors import ChaoslabError
from chaoslab.preflight.node import Items, Node, Table, Text
from chaoslab.preflight.yaml_file import yaml_documents

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
MOST_SERVICES = 100
MOST_CHARACTERS, MOST_DEPTH = 250_000, 200
_VARIABLE = re.compile(
    r"\$\$|\$\{(?P<braced>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<more>[^{}]*))?\}|\$(?P<bare>[A-Za-z_]\w*)"
)
_HTTP = re.compile(r"https?://[^/\s'\"]+(?P<path>/[^\s'\"|;&)]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service of a Compose file. `ports` are those inside its container. `health_path` is the
    path that its health check asks, empty if it asks none.
    """

    name: str
    image: str = ""
    build: str = ""
    dockerfile: str = "Dockerfile"
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    health_path: str = ""
    depends_on: tuple[str, ...] = ()


def compose_services(
    text: str, file: str, variables: Mapping[str, str]
) -> tuple[tuple[ComposeService, ...], str]:
    """The services of a Compose file, and a note that says why there are none, or an empty text.

    `variables` fill the file's own, such as `${TAG}`; one without a value becomes empty. Raises no
    error.
    """
    if len(text) > MOST_CHARACTERS or _depth(text) > MOST_DEPTH:
        return (), f"{file}: too large or nested too deeply, not read"
    try:
        documents = yaml_documents(text, file)
    except (ChaoslabError, RecursionError, ValueError) as error:
        return (), " ".join(str(error).split())
    services = _table(documents[0] if documents else None).get("services")
    entries = _table(services)
    found = [
        _service(name, _table(node), variables)
        for name, node in [*entries.items()][:MOST_SERVICES]
        if isinstance(node, Table)
    ]
    return tuple(found), "" if found else f"{file}: it has no services"


def _depth(text: str) -> int:
    """The depth of brackets, roughly: brackets in texts count as well. The parser's time grows with
    its square.
    """
    steps = (1 if letter in "[{" else -1 for letter in text if letter in "[]{}")
    return max(accumulate(steps), default=0)


def _service(name: str, table: Mapping[str, Node], variables: Mapping[str, str]) -> ComposeService:
    build = table.get("build")
    parts = _table(build)
    return ComposeService(
        name=name,
        image=_interpolated(_text(table.get("image")), variables),
        build=_text(build) or _text(parts.get("context")) or ("." if parts else ""),
        dockerfile=_text(parts.get("dockerfile")) or "Dockerfile",
        command=tuple(_interpolated(w, variables) for w in _words(table.get("command"))),
        environment={
            key: _interpolated(value, variables)
            for key, value in _pairs(table.get("environment"), variables)
        },
        env_files=tuple(_env_files(table.get("env_file"))),
        ports=tuple(_ports(table)),
        health_path=_health_path(_table(table.get("healthcheck")).get("test")),
        depends_on=tuple(_names(table.get("depends_on"))),
    )


def _interpolated(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, how, more = match["braced"] or match["bare"], match["how"] or "", match["more"] or ""
        given = variables.get(name)
        if how.endswith("+"):
            return more if given else ""
        absent = given is None or (how.startswith(":") and not given)
        return (more if how.endswith("-") else "") if absent else given or ""

    return _VARIABLE.sub(value, text)


def _pairs(node: Node | None, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, Table):
        for key, value in node.entries.items():
            if isinstance(value, Text):
                yield key, variables.get(key, "") if value.text is None else value.text
    for item in _texts(node):
        name, equals, given = item.partition("=")
        yield name, given if equals else variables.get(name, "")


def _env_files(node: Node | None) -> Iterator[str]:
    if text := _text(node):
        yield text
    for item in node.items if isinstance(node, Items) else ():
        if text := _text(item) or _text(_table(item).get("path")):
            yield text


def _ports(table: Mapping[str, Node]) -> Iterator[int]:
    for key in ("ports", "expose"):
        node = table.get(key)
        for item in node.items if isinstance(node, Items) else ():
            text = _text(item) or _text(_table(item).get("target"))
            last = text.rsplit(":", 1)[-1].partition("/")[0].partition("-")[0]
            if last.isascii() and last.isdecimal() and 0 < len(last) <= 5 and 0 < int(last) < 65536:
                yield int(last)


def _health_path(node: Node | None) -> str:
    text = " ".join(_texts(node)) or _text(node)
    match = _HTTP.search(text)
    return match["path"] if match else ""


def _names(node: Node | None) -> Iterator[str]:
    yield from _table(node)
    yield from _texts(node)


def _words(node: Node | None) -> tuple[str, ...]:
    if isinstance(node, Items):
        return tuple(_texts(node))
    return split(_text(node))


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if isinstance(node, Items) else ()
    return tuple(item.text for item in items if isinstance(item, Text) and item.text is not None)


def _text(node: Node | None) -> str:
    return (node.text or "") if isinstance(node, Text) else ""


def _table(node: Node | None) -> Mapping[str, Node]:
    return node.entries if isinstance(node, Table) else {}
