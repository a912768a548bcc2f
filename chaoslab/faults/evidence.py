"""Whether a declared fault affected the app, by its own observations on each of its links. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaoslab.evidence.links import LinkView
from chaoslab.evidence.timeline import fault_span
from chaoslab.faults.base import Fault
from chaoslab.history.events import FaultMissed, LinkPackets
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link, Topology
from chaoslab.reason import Code, Reason

NOT_IN_PLAN = Code(
    "fault.not_in_plan",
    "the plan has no such fault",
    "An expectation rests on a fault that its plan does not have.",
)
NOT_INSTALLED = Code(
    "fault.kind_not_installed",
    "the kind '{kind}' is not installed here: install the extension that adds it",
    "The run was made with a fault of an extension; only that extension can read its evidence.",
)
NOT_IN_FORCE = Code(
    "fault.not_in_force",
    "it was not observed in force",
    "No canary and no read-back showed the fault in force.",
)
MISSED = Code(
    "fault.missed",
    "{why}",
    "The fault could not be put in force, was not observed in force, or could not be healed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows that a fault affected the app, link by link. A link without reasons shows nothing;
    `missing` says why nothing was observed.
    """

    fault: str
    per_link: Mapping[str, tuple[Reason, ...]]
    missing: Reason | None = None

    @property
    def observed(self) -> bool:
        """Whether the fault affected the app on one of its links at least."""
        return any(self.per_link.values())

    def observed_on(self, service: str) -> bool:
        """Whether it affected the app on a link to that service."""
        return any(
            reasons and link.rpartition(".")[2] == service
            for link, reasons in self.per_link.items()
        )

    @property
    def observed_everywhere(self) -> bool:
        """Whether it affected the app on every one of its links."""
        return bool(self.per_link) and all(self.per_link.values())


def evidence_of(
    fault: Declared, topology: Topology, history: History, *, app: str = "", boot: int = 0
) -> Evidence:
    """The evidence that one declared fault affected the app while it was in force.

    `app` counts only that app's links, `boot` only what that boot of it met; empty and 0 are any.
    """
    label, span = fault.label, fault_span(history, fault.label)
    if not isinstance(fault, Fault):
        return Evidence(fault=label, per_link={}, missing=NOT_INSTALLED(kind=fault.kind))
    if missed := history.first(FaultMissed, lambda m: m.fault == label):
        return Evidence(fault=label, per_link={}, missing=MISSED(why=missed.why))
    if span is None:
        return Evidence(fault=label, per_link={}, missing=NOT_IN_FORCE())
    links = [link for link in topology.links_of(fault.target) if app in ("", link.app)]
    per_link = {
        link.name: tuple(fault.observed(LinkView(link, fault, span, history, boot)))
        for link in links
    }
    if any(per_link.values()):
        return Evidence(fault=label, per_link=per_link)
    missing = fault.not_observed(packets_counted=_packets_counted(links, history))
    return Evidence(fault=label, per_link=per_link, missing=missing)


def _packets_counted(links: Iterable[Link], history: History) -> bool:
    names = {link.name for link in links}
    return history.first(LinkPackets, lambda p: p.link in names) is not None
