"""`stopped`: the service is shut down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import ServiceFault
from chaoslab.model.actions import ServiceAct
from chaoslab.model.sighting import Outcome
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(ServiceFault):
    """The service is shut down normally. The heal starts it again on the same port."""

    kind: Literal["stopped"] = "stopped"

    begins: ClassVar[tuple[ServiceAct, ...]] = ("stop",)
    heals: ClassVar[tuple[ServiceAct, ...]] = ("start",)
    canary: ClassVar[Outcome] = "refused"

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observed_down(link)


def observed_down(link: LinkView) -> Iterator[Reason]:
    """Observations on one link that the app could not reach the service.

    The proxy's records show which side ended a connection, so they are used if they exist. The
    app's sockets show only that connections ended, and a pool may have closed them itself.
    """
    yield from observations.connects_found_nobody(link)
    yield from observations.connects_while_down(link)
    yield from observations.connections_ended_by_service(link)
    if not link.records_have_answers:
        yield from sockets.all_connections_ended(link)
        yield from sockets.opened_while_down(link)
