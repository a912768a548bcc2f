"""`paused`: the service is frozen and does not answer."""

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
class Paused(ServiceFault):
    """The service is frozen until the heal. Its connections stay open, and it answers nothing.

    The kernel still accepts new connections.
    """

    kind: Literal["paused"] = "paused"

    begins: ClassVar[tuple[ServiceAct, ...]] = ("pause",)
    heals: ClassVar[tuple[ServiceAct, ...]] = ("resume",)
    canary: ClassVar[Outcome] = "silent"

    @property
    def canary_waits_s(self) -> float:
        return 0.2  # no answer for this long counts as silence

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.requests_unanswered(link)
        if not link.records_have_answers:
            yield from sockets.opened_or_given_up(link)
