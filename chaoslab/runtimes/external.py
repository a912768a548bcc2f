"""A service that stands already: looked at where its address is known, and never touched."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit

from chaoslab.agent import canary
from chaoslab.errors import FaultUnsupported, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.sighting import REACHED, Sighting
from chaoslab.model.topology import Service
from chaoslab.services import kind_of, question_of

_ANSWERS_WITHIN_S = 5.0
_STANDS = "external"


class StandingService:
    """Implements `RunningService`; `address` is its URL past every proxy, or empty."""

    def __init__(self, service: Service, address: str, version: str) -> None:
        self._service, self._address, self._version = service, address, version
        self._kind = kind_of(service.kind)

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
                f"{name} has no address without a proxy\n  add [attach.services.{name}]"
            )
        parts = urlsplit(self._address)
        port = parts.port or self._kind.port
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
        return self._kind.signed(parts._replace(netloc=f"{user}{host}:{endpoint.port}").geturl())

    async def ask(self, *, within_s: float) -> Sighting:
        there = self.endpoint
        return await canary.ask(
            there.host, there.port, question_of(self._service), within_s=within_s
        )

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
        raise FaultUnsupported(f"{self._service.name} is external: the lab does not control it")


async def standing(service: Service, address: str, *, named_by: str) -> StandingService:
    """The service as it stands, tried where its address is given; `named_by` is the key with it.

    Raises RuntimeUnavailable where nobody answers there.
    """
    if not address:
        return StandingService(service, "", _STANDS)
    view = StandingService(service, address, "")
    sighting = await view.ask(within_s=_ANSWERS_WITHIN_S)
    if sighting.outcome not in REACHED:
        raise RuntimeUnavailable(
            f"{named_by}: no answer at {view.endpoint} "
            f"({sighting.outcome})\n  correct the url, forward the port, or remove the table"
        )
    about = kind_of(service.kind).about
    try:
        version = f"{await about(view.url(view.endpoint))}, external" if about else _STANDS
    except RuntimeUnavailable as error:
        raise RuntimeUnavailable(f"{named_by}: {error}") from error
    return StandingService(service, address, version)
