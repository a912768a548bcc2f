"""One link during one fault: what the kernel, the proxy and the server recorded of the app. Pure.

The lab's canaries are left out everywhere, by their local ports; the engine's fillers never show in
what is read here. `observations` says what these records show.
"""

from __future__ import annotations

import math

from chaoslab.evidence.connections import effects_since
from chaoslab.evidence.counted import bytes_metered, packets_counted, syns_dropped
from chaoslab.evidence.timeline import Span, asked_s, end_s, life, lived_alone
from chaoslab.history.events import (
    AppSockets,
    Bound,
    CanaryProbe,
    FaultHealed,
    LinkConnection,
    LinkSessions,
)
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link

SOCKETS_LATE_S = 0.1  # sockets are looked at every 0.025 s; a busy lab looks later
LISTENED_S = 0.1  # an app that listened for less than this can hardly have tried its link


class LinkView:
    """The records of one link that concern one fault, and one boot of the app (0 is any).

    `span` is the time in force within the boot's life, `begun_s` when the fault was asked for,
    `healed_s` when it was gone. What a kernel or a proxy counts is 0 or None where two boots lived
    in that time, since nobody can tell whose it was.
    """

    def __init__(
        self, link: Link, fault: Declared, span: Span, history: History, boot: int = 0
    ) -> None:
        always = Span(start_s=-math.inf, end_s=end_s(history))
        lived = life(history, link.app, boot) if boot else always
        lived = lived or Span(start_s=math.inf, end_s=-math.inf)
        self.lived = lived
        self.span = Span(
            start_s=max(span.start_s, lived.start_s), end_s=min(span.end_s, lived.end_s)
        )
        self.begun_s = max(asked_s(history, fault.label), lived.start_s)
        healed = history.first(FaultHealed, lambda h: h.fault == fault.label)
        self.healed_s = healed.at_s if healed else end_s(history)
        self.sockets = [
            e for e in history.of(AppSockets) if e.link == link.name and boot in (0, e.boot)
        ]
        self.sessions = [e for e in history.of(LinkSessions) if e.link == link.name]
        listening = history.first(
            Bound,
            lambda b: (
                b.app == link.app and boot in (0, b.boot) and b.at_s <= span.end_s - LISTENED_S
            ),
        )
        self.app_listened = listening is not None
        self._connections_of(link, fault, span, history)
        alone = self.span.start_s <= self.span.end_s and lived_alone(history, link.app, span)
        self.syns_dropped = syns_dropped(link, fault, span, history) if alone else 0
        self.packets = packets_counted(link, fault, history) if alone else None
        self.ended_bytes = bytes_metered(link, fault, history) if alone else 0

    def _connections_of(self, link: Link, fault: Declared, span: Span, history: History) -> None:
        records = [c for c in history.of(LinkConnection) if c.link == link.name]
        canaries = {c.client_port for c in history.of(CanaryProbe) if c.link == link.name}
        self.has_records = any(c.fault == fault.label for c in records)
        # the lab's canaries are answered, and every record of such an engine has who spoke when
        self.records_have_answers = any(c.answered_s is not None for c in records)
        self.connections = [
            effects_since(self.begun_s, c, records)
            for c in records
            if c.fault == fault.label
            and c.client_port not in canaries
            and self.lived.holds(c.opened_s)
            and c.opened_s <= self.span.end_s
            and (c.closed_s is None or c.closed_s >= self.begun_s)
        ]
        # a look at the sockets may be older than the end of what it shows
        self.ports_ended_before = {
            c.client_port for c in records if c.closed_s is not None and c.closed_s < self.begun_s
        }
        # a connection for each request comes and goes between two looks at the sockets; and one may
        # be opened before the lab has read the heal back
        self.connected_later = any(
            c.opened_s > span.end_s and self.lived.holds(c.opened_s)
            for c in records
            if not c.fault and c.client_port not in canaries
        )

    @property
    def looks(self) -> list[AppSockets]:
        """The looks at the app's sockets while the fault was in force."""
        return [e for e in self.sockets if self.span.holds(e.at_s)]

    @property
    def ports_opened(self) -> set[int]:
        """The local ports of connections that the app opened while the fault was in force."""
        seen = {p for e in self.looks for p in e.established}
        return seen - self.ports_established_at(self.span.start_s)

    @property
    def ports_gone(self) -> set[int]:
        """The local ports of connections that ended while the fault was in force."""
        had = self.ports_established_at(self.span.start_s)
        gone: set[int] = set()
        for look in self.looks:
            gone |= had - set(look.established)
            had |= set(look.established)
        return gone

    def ports_established_at(self, at_s: float) -> set[int]:
        """The local ports of the app's connections at the last look by then."""
        before = [e for e in self.sockets if e.at_s <= at_s]
        return set(before[-1].established) if before else set()
