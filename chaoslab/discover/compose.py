"""Reads a Compose file as far as `init` needs it: services, images, ports, environment, health."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from chaoslab.discover.checks import path_asked
from chaoslab.discover.compose_files import by_name, compose_tables, table_of, text_of
from chaoslab.discover.files import SmallFiles
from chaoslab.discover.interpolation import interpolated
from chaoslab.discover.shell import split
from chaoslab.model.secrets import looks_secret
from chaoslab.preflight.node import Items, Node, Table, Text

MOST_SERVICES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service of a Compose file. `build` is the folder that is built, relative to the folder
    that is looked at. `ports` are those inside its container. `health_path` is the path that its
    health check asks, empty if it asks none.
    """

    name: str
    image: str = ""
    build: str = ""
    dockerfile: str = "Dockerfile"
    target: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    health_path: str = ""
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def compose_services(
    files: SmallFiles, name: str, variables: Mapping[str, str]
) -> tuple[ComposeService, ...]:
    """The services of the Compose file `name`. A note says what was not read, and why.

    `variables` fill the file's own, such as `${TAG}`; one without a value becomes empty. Raises no
    error.
    """
    tables = compose_tables(files, name)
    if len(tables) > MOST_SERVICES:
        files.note(f"{name}: more than {MOST_SERVICES} services; the others are not read")
    return tuple(
        _service(key, _filled(table, variables).entries)
        for key, table in [*tables.items()][:MOST_SERVICES]
    )


def _filled(node: Table, variables: Mapping[str, str]) -> Table:
    """The table with the variables of its texts replaced. A variable of the environment without a
    value gets that of the folder. A command keeps the name of a secret: it is written into a file.
    """
    shown = {k: f"${{{k}}}" if looks_secret(k) else value for k, value in variables.items()}

    entries = {}
    for key, value in node.entries.items():
        known = shown if key in ("command", "entrypoint") else variables
        entries[key] = _replaced(by_name(value) if key == "environment" else value, known)
    return Table(line=node.line, entries=entries)


def _replaced(node: Node, variables: Mapping[str, str], name: str = "") -> Node:
    if isinstance(node, Items):
        items = tuple(_replaced(each, variables) for each in node.items)
        return Items(line=node.line, items=items)
    if isinstance(node, Table):
        entries = {key: _replaced(each, variables, key) for key, each in node.entries.items()}
        return Table(line=node.line, entries=entries)
    text = variables.get(name) if node.text is None else interpolated(node.text, variables)
    return Text(line=node.line, text=text)


def _service(name: str, table: Mapping[str, Node]) -> ComposeService:
    build = table.get("build")
    parts = table_of(build)
    return ComposeService(
        name=name,
        image=text_of(table.get("image")),
        build=text_of(build) or text_of(parts.get("context")),
        dockerfile=text_of(parts.get("dockerfile")) or "Dockerfile",
        target=text_of(parts.get("target")),
        entrypoint=_words(table.get("entrypoint")),
        command=_words(table.get("command")),
        environment=dict(_pairs(table.get("environment"))),
        env_files=tuple(_env_files(table.get("env_file"))),
        ports=tuple(_ports(table)),
        health_path=_health_path(table_of(table.get("healthcheck")).get("test")),
        depends_on=tuple(_names(table.get("depends_on"))),
        profiles=_texts(table.get("profiles")),
    )


def _pairs(node: Node | None) -> Iterator[tuple[str, str]]:
    for key, value in table_of(node).items():
        if isinstance(value, Text):
            yield key, value.text or ""


def _env_files(node: Node | None) -> Iterator[str]:
    for each in (text_of(node), *_texts(node)):
        if each:
            yield each


def _ports(table: Mapping[str, Node]) -> Iterator[int]:
    for key in ("ports", "expose"):
        node = table.get(key)
        for item in node.items if isinstance(node, Items) else ():
            text = text_of(item) or text_of(table_of(item).get("target"))
            number, _, protocol = text.rsplit(":", 1)[-1].partition("/")
            first = number.partition("-")[0]
            if protocol == "udp" or not first.isascii() or not first.isdecimal():
                continue
            if len(first) <= 5 and 0 < int(first) < 65536:
                yield int(first)


def _health_path(node: Node | None) -> str:
    return path_asked(" ".join(_texts(node)) or text_of(node))


def _names(node: Node | None) -> Iterator[str]:
    yield from table_of(node)
    yield from _texts(node)


def _words(node: Node | None) -> tuple[str, ...]:
    return _texts(node) if isinstance(node, Items) else split(text_of(node))


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if isinstance(node, Items) else ()
    return tuple(item.text for item in items if isinstance(item, Text) and item.text is not None)
