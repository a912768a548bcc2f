"""Whether a fault met the app: what the kernel and the proxy engine saw, per kind of fault. Pure.

The lab's canaries are left out everywhere, by their local ports; the engine's fillers never show in
what is read here. docs/verdicts.md says what each kind of evidence can and cannot show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from chaoslab.history.events import (
    AppSockets,
    CanaryProbe,
    FaultHealed,
    FaultMissed,
    LinkConnection,
    LinkDrops,
)
from chaoslab.history.journal import History
from chaoslab.spec.faults import (
    CutMidstream,
    FaultSpec,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.spec.topology import Topology
from chaoslab.verdicts.timeline import Span, end_s, fault_span

# When Linux sends a SYN again (tcp_syn_retries): a canary that waits longer is counted again. Taken
# early, so that a canary's SYN is never counted as the app's.
SYN_RETRIES_S = (0.9, 2.9, 6.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows that a fault met the app, link by link; a link without a line was not met."""

    fault: str
    per_link: dict[str, tuple[str, ...]]
    missing: str = ""

    @property
    def bit(self) -> bool:
        """Whether the fault met the app on one of its links at least."""
        return any(self.per_link.values())

    def met(self, service: str) -> bool:
        """Whether it met the app on a link to that service."""
        return any(
            lines and link.rpartition(".")[2] == service for link, lines in self.per_link.items()
        )


def evidence_of(fault: FaultSpec, topology: Topology, history: History) -> Evidence:
    """The evidence that one declared fault met the app while it was in force."""
    label, span = fault.label, fault_span(history, fault.label)
    missed = history.first(FaultMissed, lambda m: m.fault == label)
    if span is None:
        why = missed.why if missed else "it was never seen in force"
        return Evidence(fault=label, per_link={}, missing=why)
    per_link = {
        link.name: tuple(_Link(link.name, label, span, history).shows(fault))
        for link in topology.links_of(fault.target)
    }
    missing = "" if any(per_link.values()) else "no connection of the app is shown to have met it"
    return Evidence(fault=label, per_link=per_link, missing=missing)


class _Link:
    """One link during one fault: the app's sockets and connections on it."""

    def __init__(self, link: str, fault: str, span: Span, history: History) -> None:
        self._span = span
        self._sockets = [e for e in history.of(AppSockets) if e.link == link]
        self._end_s = end_s(history)
        healed = history.first(FaultHealed, lambda h: h.fault == fault)
        self._healed_s = healed.at_s if healed else self._end_s
        canaries = {c.client_port for c in history.of(CanaryProbe) if c.link == link}
        self._canary_syns = sum(
            1 + sum(c.took_s >= retry_s for retry_s in SYN_RETRIES_S)
            for c in history.of(CanaryProbe)
            if c.link == link and c.outcome == "connect_timeout"
        )
        drops = (d for d in history.of(LinkDrops) if (d.link, d.fault) == (link, fault))
        self._drops = max((d.syn_drops for d in drops), default=0)
        self._connections = [
            c
            for c in history.of(LinkConnection)
            if c.link == link and c.fault == fault and c.client_port not in canaries
        ]

    def shows(self, fault: FaultSpec) -> Iterator[str]:
        match fault:
            case Severed(mode="dropped") | Flapping(mode="dropped"):
                yield from self._waiting_connects()
                yield from self._met(lambda kind: kind in ("dropped", "connect"), "held back")
            case Severed(mode="refused") | Flapping(mode="refused"):
                yield from self._ended_by("reset_by_fault", "reset by the fault")
                yield from self._cut_off()
                if isinstance(fault, Flapping):
                    yield from self._all_lost_at_once()
            case Severed() | Flapping() | OneWay():
                yield from self._met(lambda kind: kind in ("silence", "timeout"), "held")
                yield from self._open_without_records()
            case Slow():
                yield from self._met(lambda kind: kind == "latency", "delayed")
                yield from self._opened_without_records()
            case Throttled():
                yield from self._met(lambda kind: kind == "bandwidth", "throttled")
                yield from self._opened_without_records()
            case CutMidstream():
                yield from self._ended_by("closed_by_fault", "cut by the fault")
                yield from self._cut_off(only_without_records=True)
            case Paused():
                yield from self._open_during()
            case Stopped() | Killed() | Restarted():
                yield from self._cut_off()

    def _waiting_connects(self) -> Iterator[str]:
        ports = {p for e in self._sockets if self._span.holds(e.at_s) for p in e.syn_sent}
        if ports:
            yield f"{len(ports)} connects of the app stood in SYN_SENT"
        if self._drops > self._canary_syns:
            yield f"{self._drops - self._canary_syns} SYNs of the app dropped at the link's socket"

    def _met(self, is_kind: Callable[[str], bool], verb: str) -> Iterator[str]:
        counts = [
            sum(met.bytes for met in connection.met if is_kind(met.type))
            for connection in self._connections
        ]
        touched = [count for count in counts if count]
        if touched:
            yield f"{sum(touched)} bytes {verb} on {len(touched)} connections of the app"

    def _ended_by(self, end: str, words: str) -> Iterator[str]:
        count = sum(connection.end == end for connection in self._connections)
        if count:
            yield f"{count} connections of the app {words}"

    def _cut_off(self, *, only_without_records: bool = False) -> Iterator[str]:
        """Connections of the app ended while it held; or none was, and it came back afterwards."""
        if only_without_records and self._connections:
            return
        before = self._established_at(self._span.start_s)
        during = [e for e in self._sockets if self._span.holds(e.at_s)]
        if gone := {port for port in before for e in during if port not in e.established}:
            yield f"{len(gone)} established connections of the app ended"
            return
        came = self._established_after(self._healed_s) - before
        if not before and not any(e.established for e in during) and came:
            yield "the app had no connection while it held, and came back on a new one"

    def _all_lost_at_once(self) -> Iterator[str]:
        """Within the flapping the app had connections, and at the next look not one of them."""
        during = [e.established for e in self._sockets if self._span.holds(e.at_s)]
        lost = sum(bool(had) and not has for had, has in pairwise(during))
        if lost and not self._connections:
            yield f"every connection of the app ended at once, {lost} times"

    def _open_without_records(self) -> Iterator[str]:
        if not self._connections:
            yield from self._open_during()

    def _opened_without_records(self) -> Iterator[str]:
        """A connection opened under the fault carried its own first exchange through it."""
        if self._connections:
            return
        before = self._established_at(self._span.start_s)
        if opened := self._established_during() - before:
            yield f"{len(opened)} connections of the app opened through it"

    def _open_during(self) -> Iterator[str]:
        if ports := self._established_at(self._span.start_s) | self._established_during():
            yield f"{len(ports)} connections of the app were open while it held"

    def _established_at(self, at_s: float) -> set[int]:
        before = [e for e in self._sockets if e.at_s <= at_s]
        return set(before[-1].established) if before else set()

    def _established_during(self) -> set[int]:
        return {p for e in self._sockets if self._span.holds(e.at_s) for p in e.established}

    def _established_after(self, at_s: float) -> set[int]:
        return {p for e in self._sockets if e.at_s > at_s for p in e.established}
