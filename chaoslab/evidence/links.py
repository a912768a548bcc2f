"""Whether a fault met the app: what the kernel and the proxy engine saw, per kind of fault. Pure.

The lab's canaries are left out everywhere, by their local ports; the engine's fillers never show in
what is read here. docs/verdicts.md says what each kind of evidence can and cannot show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from chaoslab.evidence.connections import (
    asked_in_vain,
    bitten_since,
    bytes_held,
    ended_by_service,
    over_before,
)
from chaoslab.evidence.counted import bytes_metered, packets_counted, syns_dropped
from chaoslab.evidence.timeline import Span, asked_s, end_s, fault_span, life, lived_alone
from chaoslab.history.events import (
    AppSockets,
    Bound,
    CanaryProbe,
    FaultHealed,
    FaultMissed,
    LinkConnection,
    LinkPackets,
    LinkSessions,
)
from chaoslab.history.journal import History
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
from chaoslab.model.topology import Link, Topology

SOCKETS_LATE_S = 0.1  # sockets are looked at every 0.025 s; a busy lab looks later
LISTENED_S = 0.1  # an app that listened for less than this can hardly have tried its link


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows that a fault met the app, link by link; a link without a line was not met."""

    fault: str
    per_link: dict[str, tuple[str, ...]]
    missing: str = ""

    @property
    def observed(self) -> bool:
        """Whether the fault met the app on one of its links at least."""
        return any(self.per_link.values())

    def observed_on(self, service: str) -> bool:
        """Whether it met the app on a link to that service."""
        return any(
            lines and link.rpartition(".")[2] == service for link, lines in self.per_link.items()
        )

    @property
    def observed_everywhere(self) -> bool:
        """Whether it met the app on every one of its links."""
        return bool(self.per_link) and all(self.per_link.values())


def evidence_of(
    fault: FaultSpec, topology: Topology, history: History, *, app: str = "", boot: int = 0
) -> Evidence:
    """The evidence that one declared fault met the app while it was in force.

    `app` counts only that app's links, `boot` only what that boot of it met; empty and 0 are any.
    """
    label, span = fault.label, fault_span(history, fault.label)
    missed = history.first(FaultMissed, lambda m: m.fault == label)
    if span is None or missed is not None:
        why = missed.why if missed else "it was not seen in force"
        return Evidence(fault=label, per_link={}, missing=why)
    links = [link for link in topology.links_of(fault.target) if app in ("", link.app)]
    per_link = {
        link.name: tuple(_Link(link, fault, span, history, boot).shows(fault)) for link in links
    }
    missing = "" if any(per_link.values()) else _missing(fault, links, history)
    return Evidence(fault=label, per_link=per_link, missing=missing)


def _missing(fault: FaultSpec, links: list[Link], history: History) -> str:
    """What was not observed, and which runtime would show it."""
    nothing = "no connection of the app is shown to have met it"
    refused = isinstance(fault, Severed | Flapping) and fault.mode == "refused"
    names = {link.name for link in links}
    if not refused or history.first(LinkPackets, lambda p: p.link in names):
        return nothing
    return (
        f"{nothing}; connects that are refused leave no trace here, "
        "and are counted in containers (--chaos-runtime=docker)"
    )


class _Link:
    """One link during one fault: the app's sockets and connections on it."""

    def __init__(
        self, link: Link, fault: FaultSpec, span: Span, history: History, boot: int
    ) -> None:
        whole = Span(start_s=-math.inf, end_s=end_s(history))
        lived = life(history, link.app, boot) if boot else whole
        lived = lived or Span(start_s=math.inf, end_s=-math.inf)
        self._lived = lived
        self._span = Span(
            start_s=max(span.start_s, lived.start_s), end_s=min(span.end_s, lived.end_s)
        )
        self._begun_s = max(asked_s(history, fault.label), lived.start_s)
        healed = history.first(FaultHealed, lambda h: h.fault == fault.label)
        self._healed_s = healed.at_s if healed else end_s(history)
        self._sockets = [
            e for e in history.of(AppSockets) if e.link == link.name and boot in (0, e.boot)
        ]
        self._sessions = [e for e in history.of(LinkSessions) if e.link == link.name]
        self._listening = history.first(
            Bound,
            lambda b: (
                b.app == link.app and boot in (0, b.boot) and b.at_s <= span.end_s - LISTENED_S
            ),
        )
        records = [c for c in history.of(LinkConnection) if c.link == link.name]
        self._engine_tells = any(c.fault == fault.label for c in records)
        # the lab's canaries are answered, and every record of such an engine tells who spoke when
        self._engine_hears = any(c.answered_s is not None for c in records)
        canaries = [c for c in history.of(CanaryProbe) if c.link == link.name]
        self._connections = [
            bitten_since(self._begun_s, c, records)
            for c in records
            if c.fault == fault.label
            and c.client_port not in {canary.client_port for canary in canaries}
            and lived.holds(c.opened_s)
            and c.opened_s <= self._span.end_s
            and (c.closed_s is None or c.closed_s >= self._begun_s)
        ]
        # a look at the sockets may be older than the end of what it shows
        self._ended_before = {
            c.client_port for c in records if c.closed_s is not None and c.closed_s < self._begun_s
        }
        # a connection for each request comes and goes between two looks at the sockets; and one may
        # be opened before the lab has read the heal back
        self._came_later = any(
            c.opened_s > span.end_s and lived.holds(c.opened_s)
            for c in records
            if not c.fault and c.client_port not in {canary.client_port for canary in canaries}
        )
        alone = self._span.start_s <= self._span.end_s and lived_alone(history, link.app, span)
        self._dropped = syns_dropped(link, fault, span, history) if alone else 0
        self._packets = packets_counted(link, fault, history) if alone else None
        self._ended_bytes = bytes_metered(link, fault, history) if alone else 0

    def shows(self, fault: FaultSpec) -> Iterator[str]:
        match fault:
            case Severed(mode="dropped") | Flapping(mode="dropped"):
                yield from self._waiting_connects()
                yield from self._packets_dropped()
                yield from self._met("dropped", verb="held back")
            case Severed(mode="refused") | Flapping(mode="refused"):
                yield from self._ended_by("reset_by_fault", words="reset by the fault")
                yield from self._never_there() if self._engine_tells else self._cut_off()
                yield from self._refused()
                yield from self._sessions_ended(all_of_them=True)
                yield from self._metered()
                if isinstance(fault, Flapping):
                    yield from self._all_lost_at_once()
            case Severed() | Flapping() | OneWay():
                yield from self._met("silence", "timeout", verb="held")
                yield from self._sessions_ended()
                yield from self._metered()
                if not self._engine_tells:
                    yield from self._opened_or_given_up()
            case Slow():
                yield from self._met("latency", verb="delayed")
                yield from self._opened_without_records()
            case Throttled():
                yield from self._met("bandwidth", verb="throttled")
                yield from self._opened_without_records()
            case CutMidstream():
                yield from self._ended_by("closed_by_fault", words="cut by the fault")
                yield from self._some_ended_without_records()
                yield from self._sessions_ended()
                yield from self._metered()
            case Paused() | Stopped() | Killed() | Restarted():
                yield from self._shows_of_service(fault)

    def _shows_of_service(self, fault: ServiceFault) -> Iterator[str]:
        """By the engine's records where they tell who ended, and asked, what: a pool may close its
        own connections at such a moment. The app's sockets tell only that they are gone.
        """
        if isinstance(fault, Paused):
            yield from self._unanswered()
            if not self._engine_hears:
                yield from self._opened_or_given_up()
            return
        yield from self._found_nobody()
        if not isinstance(fault, Restarted):
            yield from self._tried()
        yield from self._ended_by_service()
        if not self._engine_hears:
            yield from self._cut_off()
            if not isinstance(fault, Restarted):
                yield from self._opened_to_nobody()

    # --- what the engine and the kernel tell of connections ---

    def _waiting_connects(self) -> Iterator[str]:
        ports = {p for e in self._during() for p in e.syn_sent}
        if ports:
            yield f"{len(ports)} connects of the app stood in SYN_SENT"
        if self._dropped > 0:
            yield f"{self._dropped} SYNs of the app dropped at the link's socket"

    def _packets_dropped(self) -> Iterator[str]:
        """The rule's own counters, in the proxy's network namespace; canaries never count there."""
        if self._packets and self._packets.syns_dropped:
            yield f"{self._packets.syns_dropped} SYNs of the app dropped by the rule"
        # a pool that closes what is idle sends packets too, again and again
        if self._packets and self._packets.packets_dropped and not self._gone():
            yield f"{self._packets.packets_dropped} packets of open connections dropped"

    def _refused(self) -> Iterator[str]:
        """Each SYN was answered by a reset: the port was closed, or its connection had ended."""
        if self._packets and (count := min(self._packets.syns, self._packets.resets)):
            yield f"{count} connects of the app refused"

    def _tried(self) -> Iterator[str]:
        if self._packets and self._packets.syns:
            yield f"{self._packets.syns} connects of the app while nobody was behind the link"

    def _met(self, *types: str, verb: str) -> Iterator[str]:
        gone = self._gone()
        counts = [bytes_held(connection, types, gone) for connection in self._connections]
        touched = [count for count in counts if count]
        if touched:
            yield f"{sum(touched)} bytes {verb} on {len(touched)} connections of the app"

    def _ended_by(self, *ends: str, words: str) -> Iterator[str]:
        count = sum(c.end in ends and c.closed_s is not None for c in self._connections)
        if count:
            yield f"{count} connections of the app {words}"

    def _ended_by_service(self) -> Iterator[str]:
        during = Span(start_s=self._begun_s, end_s=self._healed_s)
        if count := sum(ended_by_service(c, during) for c in self._connections):
            yield f"{count} connections of the app ended by it"

    def _found_nobody(self) -> Iterator[str]:
        ends = ("upstream_refused", "upstream_unreachable")
        if count := sum(c.end in ends for c in self._connections):
            yield f"{count} connects of the app found nobody behind the link"

    def _unanswered(self) -> Iterator[str]:
        if asked := sum(asked_in_vain(c, self._span) for c in self._connections):
            yield f"{asked} connections of the app asked and got no answer"

    # --- what the app's own sockets tell ---

    def _cut_off(self) -> Iterator[str]:
        """All connections of the app ended; or it had none while it held, and came back on one."""
        before = self._established_at(self._begun_s)
        looks = [
            e for e in self._sockets if self._begun_s < e.at_s <= self._healed_s + SOCKETS_LATE_S
        ]
        if before:
            if (
                looks
                and looks[-1].at_s < self._lived.end_s
                and not before & set(looks[-1].established)
            ):
                yield f"{len(before)} established connections of the app ended"
            return
        yield from self._none_while_it_held(set())

    def _never_there(self) -> Iterator[str]:
        """By the engine's records no connection stood under the refusal, and the app came back.

        One that stood would have been reset. One that the app opened for a single use, and closed
        between the asking and the first moment in force, could not be.
        """
        over = {c.client_port for c in self._connections if over_before(c, self._span.start_s)}
        stood = self._established_at(self._begun_s) - self._ended_before
        if stood <= over and len(over) == len(self._connections):
            yield from self._none_while_it_held(over)

    def _none_while_it_held(self, over: set[int]) -> Iterator[str]:
        came = any(e.established for e in self._sockets if e.at_s > self._healed_s)
        none = not any(set(e.established) - over for e in self._during())
        if none and (came or self._came_later) and self._listening is not None:
            yield "no connection of the app was seen while it held, and then a new one"

    def _some_ended_without_records(self) -> Iterator[str]:
        if not self._engine_tells and (gone := self._gone()):
            yield f"{len(gone)} connections of the app ended"

    def _all_lost_at_once(self) -> Iterator[str]:
        """Within the flapping the app had connections, and at the next look not one of them."""
        lost = sum(bool(a.established) and not b.established for a, b in pairwise(self._during()))
        if lost and not self._engine_tells:
            yield f"every connection of the app ended at once, {lost} times"

    def _opened_or_given_up(self) -> Iterator[str]:
        """An open connection may be idle; one opened into the silence, or given up, was not."""
        if opened := self._opened():
            yield f"{len(opened)} connections of the app opened while it held"
        if gone := self._gone():
            yield f"{len(gone)} connections of the app given up while it held"

    def _opened_to_nobody(self) -> Iterator[str]:
        """A proxy that accepts before it dials shows a connect as a short connection. A look just
        after the fault may be older than it, and shows nothing.
        """
        late = [e for e in self._during() if e.at_s > self._span.start_s + SOCKETS_LATE_S]
        tried = {p for e in late for p in e.established}
        before = {p for e in self._sockets if e not in late and e.at_s <= self._span.end_s
                  for p in e.established}  # fmt: skip
        if opened := tried - before:
            yield f"{len(opened)} connections of the app opened while nobody was behind the link"

    def _opened_without_records(self) -> Iterator[str]:
        """A connection opened under the fault carried its own first exchange through it."""
        if not self._engine_tells and (opened := self._opened()):
            yield f"{len(opened)} connections of the app opened through it"

    def _metered(self) -> Iterator[str]:
        if self._ended_bytes > 0:
            yield f"connections through the proxy ended, {self._ended_bytes} bytes by its metrics"

    # --- what the server itself tells, where nothing nearer to the app can be seen ---

    def _sessions_ended(self, *, all_of_them: bool = False) -> Iterator[str]:
        """Of the sessions that stood when it was asked for; later ones may be canaries."""
        before = [set(e.sessions) for e in self._sessions if e.at_s <= self._begun_s]
        stood = before[-1] if before else set()
        looks = [e for e in self._sessions if self._begun_s < e.at_s <= self._span.end_s]
        ended = {s for s in stood if any(s not in e.sessions for e in looks)}
        if ended and (ended == stood or not all_of_them):
            yield f"{len(ended)} of {len(stood)} sessions through the proxy ended at the server"

    def _opened(self) -> set[int]:
        during = {p for e in self._during() for p in e.established}
        return during - self._established_at(self._span.start_s)

    def _gone(self) -> set[int]:
        had = self._established_at(self._span.start_s)
        gone: set[int] = set()
        for look in self._during():
            gone |= had - set(look.established)
            had |= set(look.established)
        return gone

    def _during(self) -> list[AppSockets]:
        return [e for e in self._sockets if self._span.holds(e.at_s)]

    def _established_at(self, at_s: float) -> set[int]:
        before = [e for e in self._sockets if e.at_s <= at_s]
        return set(before[-1].established) if before else set()
