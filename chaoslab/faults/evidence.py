"""Whether a fault of the plan was observed to affect the app, link by link. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaoslab.evidence.links import LinkView
from chaoslab.evidence.reasons import NOT_IN_FORCE
from chaoslab.evidence.timeline import fault_span
from chaoslab.faults.base import Fault
from chaoslab.history.events import FaultMissed, LinkPackets
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link, Topology
from chaoslab.reason import Code, Reason

NOT_IN_PLAN = Code(
    "fault.not_in_plan",
    "the plan has no fault with this name",
    "An expectation rests on a fault that the plan does not have.",
)
NOT_INSTALLED = Code(
    "fault.kind_not_installed",
    "the kind '{kind}' is not installed here; fix: install the extension that provides it",
    "The run has a fault of an extension. Only that extension can read the fault's evidence.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The observations that show that a fault affected the app, for each link.

    A link without reasons has no evidence. If no link has evidence, `missing` is the reason.
    """

    fault: str
    per_link: Mapping[str, tuple[Reason, ...]]
    missing: Reason | None = None

    @property
    def observed(self) -> bool:
        """Whether the fault was observed to affect the app on at least one link."""
        return any(self.per_link.values())

    def observed_on(self, service: str) -> bool:
        """Whether the fault was observed to affect the app on a link to that service."""
        return any(
            reasons and link.rpartition(".")[2] == service
            for link, reasons in self.per_link.items()
        )

    @property
    def observed_everywhere(self) -> bool:
        """Whether the fault was observed to affect the app on every link."""
        return bool(self.per_link) and all(self.per_link.values())


def evidence_of(
    fault: Declared, topology: Topology, history: History, *, app: str = "", boot: int = 0
) -> Evidence:
    """The evidence that a fault of the plan affected the app while it was in force.

    `app` and `boot` limit the evidence to the links of one app and to one boot; empty and 0 mean
    any.
    """
    label, span = fault.label, fault_span(history, fault.label)
    if not isinstance(fault, Fault):
        return Evidence(fault=label, per_link={}, missing=NOT_INSTALLED(kind=fault.kind))
    if missed := history.first(FaultMissed, lambda m: m.fault == label):
        return Evidence(fault=label, per_link={}, missing=missed.why)
    if span is None:
        return Evidence(fault=label, per_link={}, missing=NOT_IN_FORCE(fault=label))
    links = [link for link in topology.links_of(fault.target) if app in ("", link.app)]
    views = {link.name: LinkView(link, fault, span, history, boot) for link in links}
    per_link = {name: tuple(fault.observed(view)) for name, view in views.items()}
    if any(per_link.values()):
        return Evidence(fault=label, per_link=per_link)
    missing = next(filter(None, map(fault.unreadable, views.values())), None)
    missing = missing or fault.not_observed(packets_counted=_packets_counted(links, history))
    return Evidence(fault=label, per_link=per_link, missing=missing)


def _packets_counted(links: Iterable[Link], history: History) -> bool:
    names = {link.name for link in links}
    return history.first(LinkPackets, lambda p: p.link in names) is not None
