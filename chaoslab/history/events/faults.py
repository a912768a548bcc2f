"""Events of the plan's faults and triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.history.events.base import Event, FaultEvent
from chaoslab.model.saved_reason import SavedReason
from chaoslab.model.sighting import Outcome
from chaoslab.model.when import AtMoment


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRequested(FaultEvent):
    """The lab requested a fault. `armed`: the fault waits inside the proxy engine for its
    trigger.
    """

    links: tuple[str, ...]
    armed: bool = False
    kind: Literal["fault_requested"] = "fault_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInForce(FaultEvent):
    """The lab checked that the fault is in force: with a canary, or by reading the fault back from
    the proxy. `since_s` is the latest time at which it can have begun. `seen` says what showed it.
    """

    since_s: float
    seen: str
    kind: Literal["fault_in_force"] = "fault_in_force"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEffect(FaultEvent):
    """The lab first observed that the fault affects `app`; `what` is that observation. Recorded
    only if the plan waits for it, or if a step of the plan ends the fault.
    """

    app: str
    what: SavedReason
    kind: Literal["fault_effect"] = "fault_effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealing(FaultEvent):
    """The lab begins to heal the fault. `why` says what caused the heal."""

    why: str
    kind: Literal["fault_healing"] = "fault_healing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealed(FaultEvent):
    """The lab has healed the fault: every change that the fault made to proxies or to the service
    is undone.
    """

    kind: Literal["fault_healed"] = "fault_healed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultMissed(FaultEvent):
    """The fault was not injected, was not observed in force, or could not be healed.

    `unsupported`: it was not injected, because the proxy or the platform cannot do it.
    """

    why: SavedReason
    unsupported: bool = False
    kind: Literal["fault_missed"] = "fault_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMissed(Event):
    """A trigger of the plan did not occur. A boot, a load or a step that it starts did not begin. A
    fault that it stops was healed without it.

    `place` is the trigger's place in the plan, as in `faults[0].stop` or `boots[1].at`. `moment` is
    what the lab waited for. It is a text in runs that older versions saved.
    """

    place: str
    moment: AtMoment | str
    why: SavedReason
    kind: Literal["trigger_missed"] = "trigger_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryProbe(Event):
    """One connection of the lab itself through a link. Evidence about the app leaves out the
    connection from its `client_port`.
    """

    link: str
    outcome: Outcome
    took_s: float
    client_port: int | None
    kind: Literal["canary_probe"] = "canary_probe"
