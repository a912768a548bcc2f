"""Names that must fit together: links, connectors, placeholders, the write contract.

The checks read the raw tables and step over whatever has the wrong type (the shape reports
that), so that one mistake never hides another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chaoslab.errors import Problem, did_you_mean
from chaoslab.model.loader.attach import attach_problems
from chaoslab.model.loader.deployment import deployment_problems
from chaoslab.model.loader.gate import gate_problems
from chaoslab.model.loader.kinds import Kinds, KnownKind
from chaoslab.model.loader.problems import Found, Place, at
from chaoslab.model.placeholders import LINK_FIELDS, known_to_app, names_in, placeholder_problems

Table = Mapping[str, object]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Names:
    """The names of a document, and what is wrong between them."""

    def __init__(self, document: Table, prefix: Place, file: str, kinds: Kinds) -> None:
        self._prefix = prefix
        self._file = file
        self._kinds = kinds
        self._services = _tables(document.get("services"))
        self._apps = _tables(document.get("apps"))
        self._connectors = _tables(document.get("connectors"))
        self._attach = _table(document.get("attach"))
        self._deployed = [*deployment_problems(document)]
        self._gate = [*gate_problems(document)]
        self._links = {
            f"{app}.{service}": None
            for app, table in self._apps.items()
            for _, service in _strings(table.get("links"))
            if service in self._services
        }

    def problems(self) -> Iterator[Found]:
        """Every mistake, with its place."""
        yield from self._names()
        for name, table in self._apps.items():
            yield from self._app_links(name, table)
            yield from self._app_placeholders(name, table)
            yield from self._phases(name, _table(table.get("health")))
            yield from self._words(name, _table(_table(table.get("health")).get("words")))
            yield from self._writes(name, table)
            yield from self._pool(name, table)
        yield from self._ports()
        for name, table in self._connectors.items():
            yield from self._connector_links(name, table)
        yield from self._standing()
        for place, *told in self._deployed:
            yield self._problem(("deployment", *place), *told)
        for place, *told in self._gate:
            yield self._problem(("gate", *place), *told)

    def _problem(self, place: Place, what: str, expected: str = "", fix: str = "") -> Found:
        place = (*self._prefix, *place)
        return place, Problem(where=at(self._file, place), what=what, expected=expected, fix=fix)

    def _unknown(self, place: Place, what: str, got: str, known: Mapping[str, object]) -> Found:
        listed = "one of: " + ", ".join(known) if known else f"none: the file declares no {what}"
        return self._problem(place, f"unknown {what} '{got}'", listed, did_you_mean(got, known))

    def _names(self) -> Iterator[Found]:
        taken: dict[str, str] = {}
        for section, tables in (
            ("services", self._services),
            ("apps", self._apps),
            ("connectors", self._connectors),
        ):
            for name in tables:
                place, kind = (section, name), section[:-1]
                if not _NAME.fullmatch(name):
                    yield self._problem(
                        place,
                        f"'{name}' is not a valid name",
                        "a letter, then letters, digits, '-' and '_'",
                    )
                if name in taken:
                    yield self._problem(
                        place,
                        f"{taken[name]} and {kind} have the same name '{name}'",
                        "unique names, because faults find their targets by name",
                    )
                taken.setdefault(name, kind)

    def _app_links(self, app: str, table: Table) -> Iterator[Found]:
        seen: set[str] = set()
        for index, service in _strings(table.get("links")):
            place = ("apps", app, "links", index)
            if service not in self._services:
                yield self._unknown(place, "service", service, self._services)
            elif service in seen:
                yield self._problem(place, f"'{service}' is named twice", "each service once")
            seen.add(service)

    def _app_placeholders(self, app: str, table: Table) -> Iterator[Found]:
        links = [service for _, service in _strings(table.get("links"))]
        # A misspelt link is reported as such; its placeholders are not blamed a second time.
        linked = links if all(link in self._services for link in links) else [*self._services]
        known = known_to_app(linked)
        texts: list[tuple[Place, str]] = [
            (("command", index), text) for index, text in _strings(table.get("command"))
        ]
        texts += [
            (("env", key), text)
            for key, text in _table(table.get("env")).items()
            if isinstance(text, str)
        ]
        for rest, text in texts:
            place: Place = ("apps", app, *rest)
            unlinked = {name for name in names_in(text) if self._needs_link(name, known)}
            for name in sorted(unlinked):
                service = name.partition(".")[0]
                yield self._problem(
                    place,
                    f"placeholder '{{{name}}}' needs a link to '{service}'",
                    fix=f"add '{service}' to apps.{app}.links",
                )
            full = (*self._prefix, *place)
            for problem in placeholder_problems(at(self._file, full), text, [*known, *unlinked]):
                yield full, problem

    def _needs_link(self, name: str, known: list[str]) -> bool:
        service, _, field = name.partition(".")
        return name not in known and service in self._services and field in LINK_FIELDS

    def _phases(self, app: str, health: Table) -> Iterator[Found]:
        here: Place = ("apps", app, "health", "phases")
        phases = [*_strings(health.get("phases"))]
        if phases and "startup_path" not in health:
            yield self._problem(
                here,
                "no path publishes phases",
                "a startup_path, from which the phases are read",
                f"add startup_path to apps.{app}.health",
            )
        seen: set[str] = set()
        for index, phase in phases:
            if phase in seen:
                yield self._problem((*here, index), f"'{phase}' is named twice", "each phase once")
            seen.add(phase)

    def _words(self, app: str, words: Table) -> Iterator[Found]:
        seen: dict[str, str] = {}
        for word in words:
            first = seen.setdefault(word.lower(), word)
            if first != word:
                yield self._problem(
                    ("apps", app, "health", "words", word),
                    f"'{word}' is the same word as '{first}'",
                    "each word once: words are case-insensitive",
                )

    def _writes(self, app: str, table: Table) -> Iterator[Found]:
        writes = _table(table.get("writes"))
        here: Place = ("apps", app, "writes")
        service = writes.get("service")
        if isinstance(service, str):
            yield from self._writes_service((*here, "service"), app, table, service)
        create_path, body = writes.get("create_path"), _table(writes.get("create_body"))
        in_create = {key: text for key, text in body.items() if isinstance(text, str)}
        texts: list[tuple[Place, object]] = [
            (("create_path",), create_path),
            *((("create_body", key), text) for key, text in in_create.items()),
        ]
        for rest, text in texts:
            place = (*self._prefix, *here, *rest)
            for problem in _problems_of(at(self._file, place), text):
                yield place, problem
        wanted = "the placeholder {id}, the row's own UUID"
        if in_create and not any(_has_id(text) for text in (create_path, *in_create.values())):
            yield self._problem((*here, "create_body"), "has no {id}", wanted)

    def _writes_service(self, place: Place, app: str, table: Table, name: str) -> Iterator[Found]:
        if name not in self._services:
            yield self._unknown(place, "service", name, self._services)
        elif (kind := self._kind_of(name)) is not None and not kind.keeps_rows:
            able = " or ".join(each.name for each in self._kinds.values() if each.keeps_rows)
            yield self._problem(
                place, f"'{name}' is a {kind.name}", f"a {able}, from which the row is read back"
            )
        elif name not in [link for _, link in _strings(table.get("links"))]:
            yield self._problem(
                place,
                f"app '{app}' has no link to '{name}'",
                fix=f"add '{name}' to apps.{app}.links",
            )

    def _kind_of(self, service: str) -> KnownKind | None:
        kind = self._services[service].get("kind")
        return self._kinds.get(kind) if isinstance(kind, str) else None

    def _pool(self, app: str, table: Table) -> Iterator[Found]:
        here: Place = ("apps", app, "limits", "pool")
        links = [service for _, service in _strings(table.get("links"))]
        for name in _table(_table(table.get("limits")).get("pool")):
            if name not in self._services:
                yield self._unknown((*here, name), "service", name, self._services)
            elif name not in links:
                what = f"app '{app}' has no link to '{name}'"
                fix = f"add '{name}' to apps.{app}.links"
                yield self._problem((*here, name), what, fix=fix)

    def _ports(self) -> Iterator[Found]:
        taken: dict[int, str] = {}
        for app, table in self._apps.items():
            port = table.get("port")
            if not isinstance(port, int) or isinstance(port, bool) or port == 0:
                continue
            other = taken.setdefault(port, app)
            if other != app:
                yield self._problem(
                    ("apps", app, "port"),
                    f"port {port} is used by app '{other}'",
                    "a different port, or 0 for any",
                )

    def _connector_links(self, connector: str, table: Table) -> Iterator[Found]:
        seen: dict[str, str] = {}
        for index, text in _strings(table.get("links")):
            place = ("connectors", connector, "links", index)
            app, dot, service = text.rpartition(".")
            if dot and app not in self._apps:
                yield self._unknown(place, "app", app, self._apps)
            if service not in self._services:
                yield self._unknown(place, "service", service, self._services)
                continue
            links = normalised(text, self._links)
            if not links and (not dot or app in self._apps):
                yield self._no_such_link(place, app, service)
            for link in links:
                if link in seen:
                    what = f"link '{link}' is named twice (first by '{seen[link]}')"
                    yield self._problem(place, what, "each link once")
                    break
            seen |= dict.fromkeys(links, text)

    def _standing(self) -> Iterator[Found]:
        for place, what, expected, name in attach_problems(
            self._attach,
            apps=self._apps,
            links=self._links,
            services=self._services,
            kinds=self._kinds,
        ):
            if name is None:
                yield self._problem(("attach", *place), what, expected)
            else:
                yield self._unknown(("attach", *place), what, *name)

    def _no_such_link(self, place: Place, app: str, service: str) -> Found:
        what = f"app '{app}' has no" if app else "no app has a"
        return self._problem(
            place,
            f"{what} link to '{service}'",
            "one of: " + ", ".join(self._links) if self._links else "",
            f"add '{service}' to apps.{app or '<name>'}.links",
        )


def normalised(text: str, links: Mapping[str, object]) -> tuple[str, ...]:
    """The links `app.service` that a connector's entry names: itself, or all to one service."""
    if "." in text:
        return (text,) if text in links else ()
    return tuple(link for link in links if link.rpartition(".")[2] == text)


def _has_id(text: object) -> bool:
    return isinstance(text, str) and "id" in names_in(text)


def _problems_of(where: str, text: object) -> Iterator[Problem]:
    if isinstance(text, str):
        yield from placeholder_problems(where, text, ["id"])


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> dict[str, Table]:
    return {name: _table(table) for name, table in _table(value).items()}


def _strings(value: object) -> Iterator[tuple[int, str]]:
    """The strings of a list, each with its index."""
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, str):
            yield index, item
