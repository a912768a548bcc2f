"""The records of kernel, proxy and server about one link during one fault. Pure.

Canaries are no connections of the app: they are left out, by their local ports. The modules
`observations` and `sockets` say what these records show.
"""

from __future__ import annotations

import math
from functools import cached_property

from chaoslab.evidence.connections import effects_since
from chaoslab.evidence.counters import bytes_metered, packets_counted, syns_dropped
from chaoslab.evidence.timeline import Span, asked_s, end_s, life, lived_alone
from chaoslab.history.events import (
    AppSockets,
    Bound,
    CanaryProbe,
    FaultHealed,
    LinkConnection,
    LinkPackets,
    LinkSessions,
)
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link

SOCKETS_LATE_S = 0.1  # sockets are read every 0.025 s; a busy lab reads them later
LISTENED_S = 0.1  # an app that listened for less may not have used its link yet


class LinkView:
    """The records of one link that concern one fault, and one boot of the app (0: all boots).

    `lived` is the life of the boot, `span` the part of it in which the fault was in force.
    `begun_s` is the time at which the fault was requested, or at which the boot began if that was
    later. `healed_s` is the time at which the fault was healed, or the end of the history if it was
    not.
    """

    def __init__(
        self, link: Link, fault: Declared, in_force: Span, history: History, boot: int = 0
    ) -> None:
        self._link, self._fault, self._history, self._boot = link, fault, history, boot
        self._in_force = in_force
        always = Span(start_s=-math.inf, end_s=end_s(history))
        lived = life(history, link.app, boot) if boot else always
        self.lived = lived or Span(start_s=math.inf, end_s=-math.inf)
        self.span = Span(
            start_s=max(in_force.start_s, self.lived.start_s),
            end_s=min(in_force.end_s, self.lived.end_s),
        )
        self.begun_s = max(asked_s(history, fault.label), self.lived.start_s)
        healed = history.first(FaultHealed, lambda h: h.fault == fault.label)
        self.healed_s = healed.at_s if healed else end_s(history)

    # --- the app's own sockets, as the kernel lists them ---

    @cached_property
    def sockets(self) -> list[AppSockets]:
        """All lists of the app's sockets on this link that the lab recorded, in order."""
        of_link = (e for e in self._history.of(AppSockets) if e.link == self._link.name)
        return [e for e in of_link if self._boot in (0, e.boot)]

    @cached_property
    def looks(self) -> list[AppSockets]:
        """The lists of the app's sockets that the lab recorded while the fault was in force."""
        return [e for e in self.sockets if self.span.holds(e.at_s)]

    @cached_property
    def ports_opened(self) -> set[int]:
        """The local ports of connections that the app opened while the fault was in force."""
        seen = {p for e in self.looks for p in e.established}
        return seen - self.ports_established_at(self.span.start_s)

    @cached_property
    def ports_gone(self) -> set[int]:
        """The local ports of connections that ended while the fault was in force."""
        had = self.ports_established_at(self.span.start_s)
        gone: set[int] = set()
        for look in self.looks:
            gone |= had - set(look.established)
            had |= set(look.established)
        return gone

    def ports_established_at(self, at_s: float) -> set[int]:
        """The local ports of the app's open connections, by the last list of its sockets up to
        `at_s`. Empty if there is no list.
        """
        before = [e for e in self.sockets if e.at_s <= at_s]
        return set(before[-1].established) if before else set()

    @property
    def app_listened(self) -> bool:
        """Whether the app began to listen at least 0.1 s before the heal began, so that it may have
        used its link.
        """
        until_s, app, boot = self._in_force.end_s - LISTENED_S, self._link.app, self._boot
        return any(
            b.app == app and boot in (0, b.boot) and b.at_s <= until_s
            for b in self._history.of(Bound)
        )

    # --- what the proxy records of connections ---

    @cached_property
    def _records(self) -> list[LinkConnection]:
        return [c for c in self._history.of(LinkConnection) if c.link == self._link.name]

    @cached_property
    def _canary_ports(self) -> set[int | None]:
        canaries = self._history.of(CanaryProbe)
        return {c.client_port for c in canaries if c.link == self._link.name}

    @property
    def has_records(self) -> bool:
        """Whether the proxy recorded connections, canaries included, during this fault."""
        return any(c.fault == self._fault.label for c in self._records)

    @property
    def records_have_answers(self) -> bool:
        """Whether the proxy's records have the times of answers; records of older runs do not.
        Canaries are always answered, so newer records have at least one such time.
        """
        return any(c.answered_s is not None for c in self._records)

    @cached_property
    def connections(self) -> list[LinkConnection]:
        """The app's connections during the fault, each with only the effects of this fault."""
        return [
            effects_since(self.begun_s, c, self._records)
            for c in self._records
            if c.fault == self._fault.label
            and c.client_port not in self._canary_ports
            and self.lived.holds(c.opened_s)
            and c.opened_s <= self.span.end_s
            and (c.closed_s is None or c.closed_s >= self.begun_s)
            and (c.dead_s is None or c.dead_s >= self.begun_s)  # what is dead shows no fault
        ]

    @property
    def ports_ended_before(self) -> set[int]:
        """The local ports of connections that ended before the fault was requested. The last list
        of the app's sockets before the fault may still have them.
        """
        return {
            c.client_port
            for c in self._records
            if c.closed_s is not None and c.closed_s < self.begun_s
        }

    @property
    def connected_later(self) -> bool:
        """Whether the app opened a connection after the heal began, by the proxy's records at the
        end of the run.

        Lists of the app's sockets may miss a short connection. The first connection may be opened
        before the lab has confirmed the heal.
        """
        return any(
            c.opened_s > self._in_force.end_s and self.lived.holds(c.opened_s)
            for c in self._records
            if not c.fault and c.client_port not in self._canary_ports
        )

    # --- what kernels and proxies count, if it is all of this boot, or if any boot is meant ---

    @cached_property
    def _lived_alone(self) -> bool:
        lasted = self.span.start_s <= self.span.end_s
        if not self._boot:
            return lasted
        return lasted and lived_alone(self._history, self._link.app, self._in_force)

    @cached_property
    def syns_dropped(self) -> int:
        """The number of SYNs of the app that the kernel dropped at the proxy's socket. 0 if not
        known.
        """
        if not self._lived_alone:
            return 0
        return syns_dropped(self._link, self._fault, self._in_force, self._history)

    @cached_property
    def packets(self) -> LinkPackets | None:
        """The kernel's counts at the link's port during the fault. None if not known."""
        if not self._lived_alone:
            return None
        return packets_counted(self._link, self._fault, self._history)

    @cached_property
    def ended_bytes(self) -> int:
        """The number of bytes of connections that ended during the fault, by the proxy's own
        metrics. 0 if not known.
        """
        if not self._lived_alone:
            return 0
        return bytes_metered(self._link, self._fault, self._history)

    # --- what the server itself lists ---

    @cached_property
    def sessions(self) -> list[LinkSessions]:
        """All lists of the sessions through this link's proxy, as the service's server reported
        them, in order.
        """
        return [e for e in self._history.of(LinkSessions) if e.link == self._link.name]
