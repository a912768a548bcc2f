"""From a declared fault to the one that acts. One place, so that a new fault has one home."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from chaoslab.injection.base import Fault, Ground
from chaoslab.injection.links import FlappingLinkFault, LinkFault, TriggeredLinkFault
from chaoslab.injection.service import DownFault, PausedFault, RestartedFault
from chaoslab.model.faults import (
    CutMidstream,
    FaultSpec,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    ServiceFault,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.model.when import AtConnection


def prepare(spec: FaultSpec, ground: Ground) -> Fault:
    """The fault of a declaration, bound to its ground; nothing has happened yet."""
    if ground.disabled is not None and isinstance(spec, ServiceFault):
        ground = replace(ground, services=ground.disabled.served(spec, ground.services))
    match spec:
        case Flapping():
            return FlappingLinkFault(spec, ground)
        case Severed() | Slow() | Throttled() | CutMidstream() | OneWay():
            if isinstance(spec.start, AtConnection):
                return TriggeredLinkFault(spec, spec.start, ground)
            return LinkFault(spec, ground)
        case Stopped() | Killed():
            return DownFault(spec, ground)
        case Paused():
            return PausedFault(spec, ground)
        case Restarted():
            return RestartedFault(spec, ground)
    assert_never(spec)
