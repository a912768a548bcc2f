"""A service that the lab did not start: the lab can query it, and never changes it."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit

from chaoslab.agent import canary
from chaoslab.errors import ErrorCode, FaultUnsupported, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.trouble import with_place
from chaoslab.model.sighting import REACHED, Sighting
from chaoslab.model.topology import Service
from chaoslab.services import kind_of, question_of

NO_ADDRESS = ErrorCode(
    "external.no_address",
    "{service} has no address without a proxy",
    "The topology does not declare the address of an external service without its proxy.",
)
NO_ANSWER = ErrorCode(
    "external.no_answer",
    "no answer at {address} ({outcome})",
    "An external service does not answer at the address that the topology declares.",
)
NOT_CONTROLLED = ErrorCode(
    "external.not_controlled",
    "{service} is external: the lab does not control it",
    "A fault would have to stop or freeze a service that the lab did not start.",
)
_ANSWERS_WITHIN_S = 5.0
_UNKNOWN_VERSION = "external"


class ExternalService:
    """Implements `RunningService` for a service that the lab did not start.

    `address` is the URL of the service without a proxy, or empty if the topology declares none. To
    stop, start or freeze the service raises FaultUnsupported.
    """

    def __init__(self, service: Service, address: str, version: str) -> None:
        self._service, self._address, self._version = service, address, version
        self._kind = kind_of(service.kind)

    @property
    def service(self) -> Service:
        return self._service

    @property
    def has_address(self) -> bool:
        """Whether the topology declares the service's address without a proxy."""
        return bool(self._address)

    @property
    def endpoint(self) -> Endpoint:
        """The service's address without a proxy. Raises RuntimeUnavailable if the topology
        declares none.
        """
        if not self._address:
            name = self._service.name
            fix = f"add [attach.services.{name}]"
            raise RuntimeUnavailable(Problem(reason=NO_ADDRESS(service=name), fix=fix))
        parts = urlsplit(self._address)
        return Endpoint(host=parts.hostname or "", port=parts.port or self._kind.port)

    @property
    def upstream(self) -> Endpoint:
        """A placeholder that is not used: the service's proxy exists already and knows the
        service's address.
        """
        return Endpoint(host=self._service.name, port=0)

    @property
    def version(self) -> str:
        return self._version

    def url(self, endpoint: Endpoint) -> str:
        """The service's URL with `endpoint` as its address, and with the lab's name for the
        sessions that use it.
        """
        parts = urlsplit(self._address)
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return self._kind.with_own_name(
            parts._replace(netloc=f"{user}{host}:{endpoint.port}").geturl()
        )

    async def ask(self, *, within_s: float) -> Sighting:
        at, question = self.endpoint, question_of(self._service)
        return await canary.ask(at.host, at.port, question, within_s=within_s)

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
        raise FaultUnsupported(Problem(reason=NOT_CONTROLLED(service=self._service.name)))


async def external_service(service: Service, address: str, *, named_by: str) -> ExternalService:
    """Return an ExternalService for a service that runs already. If `address` is given, check that
    the service answers there.

    The check also reads the service's version, if its kind can report it. `named_by` is the key of
    the topology that declares the address. Raises RuntimeUnavailable if the service does not
    answer.
    """
    if not address:
        return ExternalService(service, "", _UNKNOWN_VERSION)
    running = ExternalService(service, address, "")
    sighting = await running.ask(within_s=_ANSWERS_WITHIN_S)
    if sighting.outcome not in REACHED:
        reason = NO_ANSWER(address=str(running.endpoint), outcome=sighting.outcome)
        fix = "correct the url, forward the port, or remove the table"
        raise RuntimeUnavailable(Problem(where=named_by, reason=reason, fix=fix))
    about, version = kind_of(service.kind).about, _UNKNOWN_VERSION
    if about:
        try:
            version = f"{await about(running.url(running.endpoint))}, external"
        except RuntimeUnavailable as error:
            raise with_place(error, named_by) from error
    return ExternalService(service, address, version)
