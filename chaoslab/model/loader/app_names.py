"""Checks the table of one app: links, placeholders, phases, words, liveness, requests, pools,
policies and needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.errors import ErrorCode, did_you_mean
from chaoslab.model.loader.declared import Declared
from chaoslab.model.loader.mistakes import (
    Mistake,
    Place,
    Table,
    named_twice,
    table_of,
    texts_of,
    unknown,
)
from chaoslab.model.loader.request_names import request_mistakes
from chaoslab.model.loader.uses import linked, unfilled
from chaoslab.model.placeholders import LINK_FIELDS, known_to_app, names_in, parsed, port_names

NOT_LINKED = ErrorCode(
    "topology.placeholder_not_linked",
    "placeholder '{placeholder}' needs a link to '{service}'",
    "An app uses a placeholder of a service that it has no link to.",
)
NO_PORT = ErrorCode(
    "topology.no_port",
    "neither command nor env uses {{port:{port}}}",
    "The health of an app has a port that the app does not get.",
)
NO_STARTUP_PATH = ErrorCode(
    "topology.no_startup_path",
    "no path publishes phases",
    "The health contract has phases, but no path from which the lab reads them.",
)
NO_LIVE_PATH = ErrorCode(
    "topology.no_live_path",
    "no path answers whether the app is alive",
    "The supervisor of an app restarts it on failed liveness, but its health has no live_path.",
)
SAME_WORD = ErrorCode(
    "topology.same_word",
    "'{word}' is the same word as '{first}'",
    "The words of health have the same word twice. They are case-insensitive.",
)


def app_mistakes(app: str, known: Declared) -> Iterator[Mistake]:
    """A mistake for every name in the table of one app that is unknown, used twice or does not fit.

    The names are in its links, placeholders, phases, words of health, requests, pools, policies and
    needs.
    """
    table = known.apps[app]
    health = table_of(table.get("health"))
    yield from _links(app, known)
    yield from _placeholders(app, known)
    yield from _health_port(app, table)
    yield from _phases(app, health)
    yield from _words(app, table_of(health.get("words")))
    yield from _liveness(app, table_of(table.get("supervisor")), health)
    yield from request_mistakes(app, known)
    for name in table_of(table_of(table.get("limits")).get("pool")):
        yield from linked(("apps", app, "limits", "pool", name), app, name, known)
    for key in ("policies", "needs"):
        for name in table_of(table.get(key)):
            yield from linked(("apps", app, key, name), app, name, known)


def _links(app: str, known: Declared) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, service in texts_of(known.apps[app].get("links")):
        place = ("apps", app, "links", index)
        if service not in known.services:
            yield unknown(place, "service", service, known.services)
        elif service in seen:
            yield named_twice(place, service, "service")
        seen.add(service)


def _placeholders(app: str, known: Declared) -> Iterator[Mistake]:
    table, links = known.apps[app], known.linked(app)
    # A misspelt link is reported as such, and not once more for each of its placeholders.
    linked = links if all(link in known.services for link in links) else [*known.services]
    texts = list(_texts(table))
    ports = port_names(text for _, text in texts)
    usable = known_to_app({each: known.fields(each) for each in linked}, ports)
    for rest, text in texts:
        place: Place = ("apps", app, *rest)
        unlinked = {name for name in names_in(text) if _needs_link(name, usable, known)}
        for name in sorted(unlinked):
            service = parsed(name).service
            yield Mistake(
                place=place,
                reason=NOT_LINKED(placeholder=f"{{{name}}}", service=service),
                fix=f"add '{service}' to apps.{app}.links",
            )
        yield from unfilled(place, text, [*usable, *unlinked])


def _texts(table: Table) -> Iterator[tuple[Place, str]]:
    """The texts of an app's table that may have placeholders, each with its place."""
    yield from ((("command", index), text) for index, text in texts_of(table.get("command")))
    prepare = table.get("prepare")
    for number, command in enumerate(prepare if isinstance(prepare, list) else ()):
        yield from ((("prepare", number, index), text) for index, text in texts_of(command))
    for name, words in table_of(table.get("processes")).items():
        yield from ((("processes", name, index), text) for index, text in texts_of(words))
    env = table_of(table.get("env")).items()
    yield from ((("env", key), text) for key, text in env if isinstance(text, str))


def _health_port(app: str, table: Table) -> Iterator[Mistake]:
    port, names = table_of(table.get("health")).get("port"), port_names(t for _, t in _texts(table))
    if isinstance(port, str) and port and port not in names:
        yield Mistake(
            place=("apps", app, "health", "port"),
            reason=NO_PORT(port=port),
            expected=f"one of: {', '.join(names)}" if names else "",
            fix=did_you_mean(port, names) or f"add {{port:{port}}} to command or env",
        )


def _needs_link(name: str, usable: list[str], known: Declared) -> bool:
    service, field, _ = asked = parsed(name)
    if asked.plain in usable or service not in known.services:
        return False
    return field in LINK_FIELDS or field in known.fields(service)


def _phases(app: str, health: Table) -> Iterator[Mistake]:
    here: Place = ("apps", app, "health", "phases")
    phases = texts_of(health.get("phases"))
    if phases and "startup_path" not in health:
        yield Mistake(
            place=here,
            reason=NO_STARTUP_PATH(),
            expected="a startup_path, from which the phases are read",
            fix=f"add startup_path to apps.{app}.health",
        )
    seen: set[str] = set()
    for index, phase in phases:
        if phase in seen:
            yield named_twice((*here, index), phase, "phase")
        seen.add(phase)


def _liveness(app: str, supervisor: Table, health: Table) -> Iterator[Mistake]:
    if supervisor.get("liveness") is True and "live_path" not in health:
        yield Mistake(
            place=("apps", app, "supervisor", "liveness"),
            reason=NO_LIVE_PATH(),
            expected="a live_path, which the supervisor asks",
            fix=f"add live_path to apps.{app}.health",
        )


def _words(app: str, words: Table) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for word in words:
        first = seen.setdefault(word.lower(), word)
        if first != word:
            yield Mistake(
                place=("apps", app, "health", "words", word),
                reason=SAME_WORD(word=word, first=first),
                expected="each word once: words are case-insensitive",
            )
