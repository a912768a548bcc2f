"""Finds what injects a fault of the plan."""

from __future__ import annotations

from chaoslab.errors import FaultUnsupported
from chaoslab.faults.base import LinkFault, ServiceFault
from chaoslab.injection.base import Injection
from chaoslab.injection.ground import Ground
from chaoslab.injection.links import LinkInjection
from chaoslab.injection.services import ServiceInjection
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.when import AtConnection


def prepare(declared: Declared, ground: Ground) -> Injection:
    """What injects a fault of the plan. It does nothing before it is begun or armed.

    Raises FaultUnsupported if the proxies cannot do what the fault needs.
    """
    if isinstance(declared, ServiceFault):
        return ServiceInjection(declared, ground)
    if not isinstance(declared, LinkFault):
        raise FaultUnsupported(
            f"{declared.label}: the lab cannot inject a fault of kind '{declared.kind}'"
        )
    if isinstance(declared.start, AtConnection):
        return TriggeredInjection(declared, declared.start, ground)
    return LinkInjection(declared, ground)
