"""Checks that the names of services, apps, links and connectors fit together.

The checks read the raw tables and leave out values of a wrong type, which the shapes report: so one
mistake never hides another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chaoslab.errors import ErrorCode
from chaoslab.model.loader.app_names import app_mistakes
from chaoslab.model.loader.attach import attach_mistakes
from chaoslab.model.loader.declared import Declared, declared
from chaoslab.model.loader.deployment import deployment_mistakes
from chaoslab.model.loader.gate import gate_mistakes
from chaoslab.model.loader.kinds import Kinds
from chaoslab.model.loader.known_gaps import known_gap_mistakes
from chaoslab.model.loader.mistakes import (
    NO_LINK,
    Mistake,
    Place,
    Table,
    table_of,
    texts_of,
    unknown,
)

NAME_PATTERN = "[A-Za-z][A-Za-z0-9_-]*"
_NAME = re.compile(NAME_PATTERN)
INVALID_NAME = ErrorCode(
    "topology.invalid_name",
    "'{name}' is not a valid name",
    "The name of a service, an app or a connector has a character that is not allowed.",
)
NAME_TAKEN = ErrorCode(
    "topology.name_taken",
    "{first} and {second} have the same name '{name}'",
    "Two parts of the topology have the same name.",
)
PORT_TAKEN = ErrorCode(
    "topology.port_taken", "port {port} is used by app '{app}'", "Two apps have the same port."
)
LINK_TWICE = ErrorCode(
    "topology.link_twice",
    "link '{link}' is named twice (first by '{first}')",
    "Two entries of a connector mean the same link.",
)


def name_mistakes(document: Table, kinds: Kinds) -> Iterator[Mistake]:
    """A mistake for every name in the topology's table that does not fit the others."""
    known = declared(document, kinds)
    yield from _names(known)
    for app in known.apps:
        yield from app_mistakes(app, known)
    yield from _ports(known)
    for name, table in known.connectors.items():
        yield from _connector(name, table, known)
    yield from attach_mistakes(
        table_of(document.get("attach")),
        apps=known.apps,
        links=known.links,
        services=known.services,
        kinds=kinds,
    )
    yield from deployment_mistakes(document)
    yield from gate_mistakes(document)
    yield from known_gap_mistakes(document)


def links_named(text: str, links: Mapping[str, object]) -> tuple[str, ...]:
    """The links `app.service` that an entry of a connector names: one link, or all links to one
    service. Empty if it names none of `links`.
    """
    if "." in text:
        return (text,) if text in links else ()
    return tuple(link for link in links if link.rpartition(".")[2] == text)


def _names(known: Declared) -> Iterator[Mistake]:
    taken: dict[str, str] = {}
    for section, tables in (
        ("services", known.services),
        ("apps", known.apps),
        ("connectors", known.connectors),
    ):
        for name in tables:
            place, kind = (section, name), section[:-1]
            if not _NAME.fullmatch(name):
                yield Mistake(
                    place=place,
                    reason=INVALID_NAME(name=name),
                    expected="a letter, then letters, digits, '-' and '_'",
                )
            if name in taken:
                yield Mistake(
                    place=place,
                    reason=NAME_TAKEN(first=taken[name], second=kind, name=name),
                    expected="unique names, because faults find their targets by name",
                )
            taken.setdefault(name, kind)


def _ports(known: Declared) -> Iterator[Mistake]:
    taken: dict[int, str] = {}
    for app, table in known.apps.items():
        port = table.get("port")
        if not isinstance(port, int) or isinstance(port, bool) or port == 0:
            continue
        if (other := taken.setdefault(port, app)) != app:
            yield Mistake(
                place=("apps", app, "port"),
                reason=PORT_TAKEN(port=port, app=other),
                expected="a different port, or 0 for any",
            )


def _connector(connector: str, table: Table, known: Declared) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for index, text in texts_of(table.get("links")):
        place = ("connectors", connector, "links", index)
        app, dot, service = text.rpartition(".")
        if dot and app not in known.apps:
            yield unknown(place, "app", app, known.apps)
        if service not in known.services:
            yield unknown(place, "service", service, known.services)
            continue
        links = links_named(text, known.links)
        if not links and (not dot or app in known.apps):
            yield _no_link(place, app, service, known)
        for link in links:
            if link in seen:
                reason = LINK_TWICE(link=link, first=seen[link])
                yield Mistake(place=place, reason=reason, expected="each link once")
                break
        seen |= dict.fromkeys(links, text)


def _no_link(place: Place, app: str, service: str, known: Declared) -> Mistake:
    return Mistake(
        place=place,
        reason=NO_LINK(app=app, service=service),
        expected="one of: " + ", ".join(known.links) if known.links else "",
        fix=f"add '{service}' to apps.{app or '<name>'}.links",
    )
