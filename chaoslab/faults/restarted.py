"""`restarted`: the service is stopped and started again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import ServiceFault
from chaoslab.model.actions import ServiceAct
from chaoslab.model.sighting import Outcome
from chaoslab.model.when import in_force
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(ServiceFault):
    """The service is stopped and started again at once. Connections of a pool to the service are
    lost.

    Without a `stop` the fault ends once the service is up again.
    """

    kind: Literal["restarted"] = "restarted"

    path_returns_before_heal: ClassVar[bool] = True
    begins: ClassVar[tuple[ServiceAct, ...]] = ("stop", "start")
    # the app is affected by the connections that it lost, and it lost them at the stop
    in_force_from: ClassVar[Literal["before", "after"]] = "before"
    canary: ClassVar[Outcome] = "answered"

    def resolved(self) -> Self:
        return self if self.stop else replace(self, stop=in_force(self.label))

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.connects_found_nobody(link)
        yield from observations.connections_ended_by_service(link)
        if not link.records_have_answers:
            yield from sockets.all_connections_ended(link)
