"""From a declared fault to what carries it out."""

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
    """The injection of a fault, bound to its ground; nothing has happened yet.

    Raises FaultUnsupported where the proxies of the ground cannot do what the fault asks for.
    """
    if isinstance(declared, ServiceFault):
        return ServiceInjection(declared, ground)
    if not isinstance(declared, LinkFault):
        raise FaultUnsupported(
            f"{declared.label}: faults of kind '{declared.kind}' are unsupported here"
        )
    if isinstance(declared.start, AtConnection):
        return TriggeredInjection(declared, declared.start, ground)
    return LinkInjection(declared, ground)
