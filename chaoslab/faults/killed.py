"""`killed`: the service is killed, as in a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import ServiceFault
from chaoslab.faults.stopped import observed_down
from chaoslab.model.actions import ServiceAct
from chaoslab.model.sighting import Outcome
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed(ServiceFault):
    """The service is killed with SIGKILL, as in a crash. The heal starts it again on its port."""

    kind: Literal["killed"] = "killed"

    begins: ClassVar[tuple[ServiceAct, ...]] = ("kill",)
    heals: ClassVar[tuple[ServiceAct, ...]] = ("start",)
    canary: ClassVar[Outcome] = "refused"

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observed_down(link)
