"""Observations that a fault affected an app: each is a function of a `LinkView`. Pure.

Each function yields a reason if it observed something, and nothing if not. Every kind of fault
chooses its observations. docs/verdicts.md says what each can and cannot show.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.evidence.connections import (
    asked_in_vain,
    bytes_held,
    ended_by_service,
)
from chaoslab.evidence.links import LinkView
from chaoslab.evidence.timeline import Span
from chaoslab.reason import Code, Reason

Observed = Iterator[Reason]

# --- what the kernel counts ---

CONNECTS_WAITING = Code(
    "fault.connects_waiting",
    "{connects} connects of the app waited in SYN_SENT",
    "Sockets of the app waited for the answer to a connect while the fault was in force.",
)
SYNS_DROPPED = Code(
    "fault.syns_dropped",
    "{syns} SYNs of the app dropped at the link's socket",
    "The kernel counted SYNs that it dropped at the proxy's socket, without those of canaries.",
)
SYNS_DROPPED_BY_RULE = Code(
    "fault.syns_dropped_by_rule",
    "{syns} SYNs of the app dropped by the rule",
    "The packet rule in the proxy's network namespace counted the SYNs that it dropped.",
)
PACKETS_DROPPED = Code(
    "fault.packets_dropped",
    "{packets} packets of open connections dropped",
    "The packet rule counted dropped packets of open connections, and the app closed no "
    "connection in that time.",
)
CONNECTS_REFUSED = Code(
    "fault.connects_refused",
    "{connects} connects of the app refused",
    "The kernel counted SYNs of the app at the link, and resets as answers to them.",
)
CONNECTS_WHILE_DOWN = Code(
    "fault.connects_while_down",
    "{syns} connects of the app while no server was behind the link",
    "The kernel counted SYNs of the app at the link while the service was down.",
)


def connects_waiting(link: LinkView) -> Observed:
    """Yields reasons with the number of the app's connects that waited in SYN_SENT, and of its SYNs
    that the kernel dropped at the proxy's socket.
    """
    if ports := {p for e in link.looks for p in e.syn_sent}:
        yield CONNECTS_WAITING(connects=len(ports))
    if link.syns_dropped > 0:
        yield SYNS_DROPPED(syns=link.syns_dropped)


def packets_dropped(link: LinkView) -> Observed:
    """Yields reasons with the numbers of SYNs, and of packets of open connections, that the packet
    rule in the proxy's network namespace dropped. The rule's own counters never count canaries.
    """
    if link.packets and link.packets.syns_dropped:
        yield SYNS_DROPPED_BY_RULE(syns=link.packets.syns_dropped)
    # a pool that closes idle connections sends packets as well, several times
    if link.packets and link.packets.packets_dropped and not link.ports_gone:
        yield PACKETS_DROPPED(packets=link.packets.packets_dropped)


def connects_refused(link: LinkView) -> Observed:
    """Yields a reason with the number of the app's connects that were refused: the smaller number
    of the SYNs and the resets that the kernel counted. The port was closed, or the connection had
    ended.
    """
    if link.packets and (connects := min(link.packets.syns, link.packets.resets)):
        yield CONNECTS_REFUSED(connects=connects)


def connects_while_down(link: LinkView) -> Observed:
    """Yields a reason with the number of the app's SYNs that the kernel counted while no server was
    behind the link.
    """
    if link.packets and link.packets.syns:
        yield CONNECTS_WHILE_DOWN(syns=link.packets.syns)


# --- what the proxy records of connections ---

BYTES_HELD = Code(
    "fault.bytes_held",
    "{bytes} bytes held on {connections} connections of the app",
    "The proxy recorded bytes on connections of the app that it did not pass on.",
)
CONNECTIONS_RESET = Code(
    "fault.connections_reset",
    "{connections} connections of the app reset by the fault",
    "The proxy recorded that the fault itself reset connections of the app.",
)
ENDED_BY_SERVICE = Code(
    "fault.ended_by_service",
    "{connections} connections of the app ended by the service",
    "The proxy recorded that the service ended connections of the app, or announced their end.",
)
FOUND_NOBODY = Code(
    "fault.found_nobody",
    "{connects} connects of the app found no server behind the link",
    "The proxy accepted connects of the app and could not reach the service for them.",
)
NO_ANSWER = Code(
    "fault.no_answer",
    "the app sent requests on {connections} connections and got no answer",
    "The proxy recorded requests of the app that had no answer when the record was read.",
)
METERED = Code(
    "fault.metered",
    "connections through the proxy ended, {bytes} bytes by its metrics",
    "The proxy's own metrics counted bytes of connections that ended during the fault.",
)


def bytes_affected(link: LinkView, *types: str, code: Code = BYTES_HELD) -> Observed:
    """Yields a reason with the numbers of bytes and connections of the app on which toxics of
    `types` acted. `code` is the code of the reason.
    """
    counts = [bytes_held(connection, types, link.ports_gone) for connection in link.connections]
    affected = [count for count in counts if count]
    if affected:
        yield code(bytes=sum(affected), connections=len(affected))


def connections_ended(link: LinkView, *ends: str, code: Code = CONNECTIONS_RESET) -> Observed:
    """Yields a reason with the number of the app's connections whose recorded end is one of `ends`:
    the fault itself ended them. `code` is the code of the reason.
    """
    if count := sum(c.end in ends and c.closed_s is not None for c in link.connections):
        yield code(connections=count)


def connections_ended_by_service(link: LinkView) -> Observed:
    """Yields a reason with the number of the app's connections that the service ended between the
    request of the fault and its heal, by the proxy's records.
    """
    during = Span(start_s=link.begun_s, end_s=link.healed_s)
    if count := sum(ended_by_service(c, during) for c in link.connections):
        yield ENDED_BY_SERVICE(connections=count)


def connects_found_nobody(link: LinkView) -> Observed:
    """Yields a reason with the number of the app's connects that the proxy accepted, and for which
    it could not reach the service.
    """
    ends = ("upstream_refused", "upstream_unreachable")
    if count := sum(c.end in ends for c in link.connections):
        yield FOUND_NOBODY(connects=count)


def requests_unanswered(link: LinkView) -> Observed:
    """Yields a reason with the number of connections on which the app sent requests while the fault
    was in force, and had no answer when the lab read the record.
    """
    if count := sum(asked_in_vain(c, link.span) for c in link.connections):
        yield NO_ANSWER(connections=count)


def connections_metered(link: LinkView) -> Observed:
    """Yields a reason with the number of bytes of connections that ended during the fault, by the
    proxy's own metrics, which do not count canaries.
    """
    if link.ended_bytes > 0:
        yield METERED(bytes=link.ended_bytes)
