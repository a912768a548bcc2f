"""A service that stands already: looked at where its address is known, and never touched."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import psycopg

from chaoslab.agent import canary
from chaoslab.errors import FaultUnsupported, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import OWN_NAME

_USUAL_PORTS = {"postgres": 5432, "redis": 6379}
_ANSWERS_WITHIN_S = 5.0


class StandingService:
    """Implements `RunningService`; `address` is its URL past every proxy, or empty."""

    def __init__(self, service: Service, address: str, version: str) -> None:
        self._service, self._address, self._version = service, address, version

    @property
    def service(self) -> Service:
        return self._service

    @property
    def is_known(self) -> bool:
        """Whether the topology says where it is, past every proxy."""
        return bool(self._address)

    @property
    def endpoint(self) -> Endpoint:
        """Raises RuntimeUnavailable where the topology does not give it."""
        if not self._address:
            name = self._service.name
            raise RuntimeUnavailable(
                f"{name} cannot be reached past its proxies\n  add [attach.services.{name}]"
            )
        parts = urlsplit(self._address)
        port = parts.port or _USUAL_PORTS[self._service.kind]
        return Endpoint(host=parts.hostname or "", port=port)

    @property
    def upstream(self) -> Endpoint:
        """Its proxy has one already, and the lab need not know it."""
        return Endpoint(host=self._service.name, port=0)

    @property
    def version(self) -> str:
        return self._version

    def url(self, endpoint: Endpoint) -> str:
        """The topology's URL with that address; sessions by it bear the lab's name."""
        parts = urlsplit(self._address)
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        query = parts.query
        if self._service.kind == "postgres" and "application_name" not in parse_qs(query):
            query = "&".join(filter(None, (query, f"application_name={OWN_NAME}")))
        return parts._replace(netloc=f"{user}{host}:{endpoint.port}", query=query).geturl()

    async def ask(self, *, within_s: float) -> Sighting:
        there = self.endpoint
        return await canary.ask(there.host, there.port, self._service.kind, within_s=within_s)

    async def stop(self) -> None:
        self._refuse()

    async def kill(self) -> None:
        self._refuse()

    async def start(self) -> None:
        self._refuse()

    async def pause(self) -> None:
        self._refuse()

    async def resume(self) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise FaultUnsupported(f"{self._service.name} is not the lab's own and is not touched")


async def standing(service: Service, address: str) -> StandingService:
    """The service as it stands, tried where its address is given.

    Raises RuntimeUnavailable where nobody answers there.
    """
    if not address:
        return StandingService(service, "", "stands already")
    view = StandingService(service, address, "")
    sighting = await view.ask(within_s=_ANSWERS_WITHIN_S)
    if sighting.outcome != "answered":
        raise RuntimeUnavailable(
            f"[attach.services.{service.name}]: nobody answers at {view.endpoint} "
            f"({sighting.outcome})\n  correct the url, forward the port, or leave the table out"
        )
    version = await _postgres(view) if service.kind == "postgres" else "Redis"
    return StandingService(service, address, f"{version}, stands already")


async def _postgres(view: StandingService) -> str:
    """Logs in, as every look for a write will have to."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            view.url(view.endpoint), connect_timeout=int(_ANSWERS_WITHIN_S)
        )
    except psycopg.Error as error:
        raise RuntimeUnavailable(
            f"[attach.services.{view.service.name}]: {error}\n"
            "  give the password as PGPASSWORD or in ~/.pgpass"
        ) from error
    async with connection:
        return f"PostgreSQL {connection.info.server_version // 10_000}"
