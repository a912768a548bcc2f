"""The parts that a topology's table declares, by name, even if the table has mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.model.loader.kinds import Kinds, KnownKind
from chaoslab.model.loader.mistakes import Table, tables_of, texts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Maps the names of services, apps and connectors to their raw tables. `links` has the names
    `app.service` of all links whose service is declared.
    """

    services: Mapping[str, Table]
    apps: Mapping[str, Table]
    connectors: Mapping[str, Table]
    links: Mapping[str, None]
    kinds: Kinds

    def linked(self, app: str) -> list[str]:
        """The names of the services in the `links` of an app, also those that are not declared."""
        return [service for _, service in texts_of(self.apps[app].get("links"))]

    def kind_of(self, service: str) -> KnownKind | None:
        """The kind of a declared service. None if the service has no kind, or an unknown one."""
        kind = self.services[service].get("kind")
        return self.kinds.get(kind) if isinstance(kind, str) else None

    def fields(self, service: str) -> tuple[str, ...]:
        """The placeholders of a declared service that only its kind has."""
        kind = self.kind_of(service)
        return tuple(kind.fields) if kind is not None else ()


def declared(document: Table, kinds: Kinds) -> Declared:
    """The parts that the topology's table `document` declares."""
    services, apps = tables_of(document.get("services")), tables_of(document.get("apps"))
    links = {
        f"{app}.{service}": None
        for app, table in apps.items()
        for _, service in texts_of(table.get("links"))
        if service in services
    }
    connectors = tables_of(document.get("connectors"))
    return Declared(services=services, apps=apps, connectors=connectors, links=links, kinds=kinds)
