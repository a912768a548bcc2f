"""Observations from the app's own sockets and from the sessions of the service's server. Pure.

The lab reads both at intervals. They show less than a proxy's records, and are used if there are no
records.
"""

from __future__ import annotations

from itertools import pairwise

from chaoslab.evidence.connections import over_before
from chaoslab.evidence.links import SOCKETS_LATE_S, LinkView
from chaoslab.evidence.observations import Observed
from chaoslab.reason import Code

ALL_ENDED = Code(
    "fault.all_connections_ended",
    "{connections} established connections of the app ended",
    "The last list of the app's sockets had none of the connections that the app had before the "
    "fault.",
)
NONE_WHILE_IN_FORCE = Code(
    "fault.no_connection_while_in_force",
    "no connection of the app was observed while it was in force, and a new one after it",
    "The app listened, had no connection on the link during the fault, and opened one after it.",
)
SOME_ENDED = Code(
    "fault.connections_ended",
    "{connections} connections of the app ended",
    "Connections of the app ended during the fault, as its sockets show. Used if the proxy keeps "
    "no records of connections.",
)
ALL_LOST_AT_ONCE = Code(
    "fault.all_connections_lost_at_once",
    "every connection of the app ended at once, {times} times",
    "One list of the app's sockets during the fault had connections, and the next list had none.",
)
OPENED_WHILE_IN_FORCE = Code(
    "fault.opened_while_in_force",
    "{connections} connections of the app opened while it was in force",
    "The app opened connections during the fault.",
)
GIVEN_UP = Code(
    "fault.given_up",
    "{connections} connections of the app ended while it was in force",
    "Connections of the app ended during the fault.",
)
OPENED_WHILE_DOWN = Code(
    "fault.opened_while_down",
    "{connections} connections of the app opened while no server was behind the link",
    "The app opened connections while no server was behind the link. The proxy accepts a connect "
    "before it tries to reach the server.",
)
OPENED_THROUGH = Code(
    "fault.opened_through",
    "{connections} connections of the app opened through it",
    "The app opened connections during the fault. Each sends at least its first bytes while the "
    "fault is in force.",
)
SESSIONS_ENDED = Code(
    "fault.sessions_ended",
    "{ended} of {sessions} sessions through the proxy ended at the server",
    "Sessions that the service's server had when the fault was requested ended during the fault.",
)


def all_connections_ended(link: LinkView) -> Observed:
    """Yields a reason if all connections that the app had before the fault ended by its heal. If
    the app had none before: yields a reason if it had none during the fault, and one after it.
    """
    before = link.ports_established_at(link.begun_s)
    if not before:
        yield from _none_while_in_force(link, set())
        return
    looks = [e for e in link.sockets if link.begun_s < e.at_s <= link.healed_s + SOCKETS_LATE_S]
    last = looks[-1] if looks else None
    if last and last.at_s < link.lived.end_s and not before & set(last.established):
        yield ALL_ENDED(connections=len(before))


def no_connection_by_records(link: LinkView) -> Observed:
    """Yields a reason if, by the engine's records, the app had no connection while the fault was in
    force, and opened one after the fault.

    The fault would have reset an open connection. A connection for one use that the app closed
    before the fault was in force does not count.
    """
    over = {c.client_port for c in link.connections if over_before(c, link.span.start_s)}
    had = link.ports_established_at(link.begun_s) - link.ports_ended_before
    if had <= over and len(over) == len(link.connections):
        yield from _none_while_in_force(link, over)


def _none_while_in_force(link: LinkView, over: set[int]) -> Observed:
    came = any(e.established for e in link.sockets if e.at_s > link.healed_s)
    none = not any(set(e.established) - over for e in link.looks)
    if none and (came or link.connected_later) and link.app_listened:
        yield NONE_WHILE_IN_FORCE()


def some_connections_ended(link: LinkView) -> Observed:
    """Yields a reason with the number of the app's connections that ended during the fault. Yields
    nothing if the proxy keeps records.
    """
    if not link.has_records and (gone := link.ports_gone):
        yield SOME_ENDED(connections=len(gone))


def all_lost_at_once(link: LinkView) -> Observed:
    """Yields a reason with how often one list of the app's sockets during the fault had
    connections, and the next list had none. Yields nothing if the proxy keeps records.
    """
    lost = sum(bool(a.established) and not b.established for a, b in pairwise(link.looks))
    if lost and not link.has_records:
        yield ALL_LOST_AT_ONCE(times=lost)


def opened_or_given_up(link: LinkView) -> Observed:
    """Yields reasons with the numbers of the app's connections that were opened, and that ended,
    during the fault. An open connection may be idle.
    """
    if opened := link.ports_opened:
        yield OPENED_WHILE_IN_FORCE(connections=len(opened))
    if gone := link.ports_gone:
        yield GIVEN_UP(connections=len(gone))


def opened_while_down(link: LinkView) -> Observed:
    """Yields a reason with the number of connections that the app opened while the service was
    down. A list of its sockets just after the fault began may show the time before it, and is left
    out.
    """
    late = [e for e in link.looks if e.at_s > link.span.start_s + SOCKETS_LATE_S]
    tried = {p for e in late for p in e.established}
    earlier = [e for e in link.sockets if e not in late and e.at_s <= link.span.end_s]
    if opened := tried - {p for e in earlier for p in e.established}:
        yield OPENED_WHILE_DOWN(connections=len(opened))


def opened_through(link: LinkView) -> Observed:
    """Yields a reason with the number of connections that the app opened during the fault. Yields
    nothing if the proxy keeps records.
    """
    if not link.has_records and (opened := link.ports_opened):
        yield OPENED_THROUGH(connections=len(opened))


def sessions_ended(link: LinkView, *, all_of_them: bool = False) -> Observed:
    """Yields a reason with how many of the sessions that the service's server had when the fault
    was requested ended during it. With `all_of_them` it yields nothing unless all ended. Later
    sessions may be canaries and do not count.
    """
    before = [set(e.sessions) for e in link.sessions if e.at_s <= link.begun_s]
    had = before[-1] if before else set()
    looks = [e for e in link.sessions if link.begun_s < e.at_s <= link.span.end_s]
    ended = {s for s in had if any(s not in e.sessions for e in looks)}
    if ended and (ended == had or not all_of_them):
        yield SESSIONS_ENDED(ended=len(ended), sessions=len(had))
