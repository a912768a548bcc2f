"""Makes the injection of a fault: the object that begins, checks and ends it."""

from __future__ import annotations

from chaoslab.errors import ErrorCode, FaultUnsupported, Problem
from chaoslab.faults.base import LinkFault, ServiceFault
from chaoslab.injection.base import Injection
from chaoslab.injection.context import Context
from chaoslab.injection.links import LinkInjection
from chaoslab.injection.services import ServiceInjection
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.when import AtConnection

UNKNOWN_KIND = ErrorCode(
    "injection.unknown_kind",
    "{fault}: the lab cannot inject a fault of kind '{kind}'",
    "The fault acts neither on links nor on a service, so the lab cannot inject it.",
)


def prepare(declared: Declared, context: Context) -> Injection:
    """Make the Injection of a fault of the plan, on links or on a service. Nothing is injected
    before the Injection is begun or armed.

    Raises FaultUnsupported if the proxies cannot do what the fault needs.
    """
    if isinstance(declared, ServiceFault):
        return ServiceInjection(declared, context)
    if not isinstance(declared, LinkFault):
        reason = UNKNOWN_KIND(fault=declared.label, kind=declared.kind)
        raise FaultUnsupported(Problem(reason=reason, fix="install the extension that provides it"))
    if isinstance(declared.start, AtConnection):
        return TriggeredInjection(declared, declared.start, context)
    return LinkInjection(declared, context)
