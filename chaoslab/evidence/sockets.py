"""What the app's own sockets, and the server's sessions, show of a fault. Pure.

They are looked at now and then: weaker than a proxy's records, and read where those are missing.
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
    "Every connection that the app had before the fault was gone at the last look.",
)
NONE_WHILE_IN_FORCE = Code(
    "fault.no_connection_while_in_force",
    "no connection of the app was seen while it was in force, and then a new one",
    "An app that listens had no connection on the link during the fault, and opened one after it.",
)
SOME_ENDED = Code(
    "fault.connections_ended",
    "{connections} connections of the app ended",
    "Connections of the app were gone at a later look, and the proxy keeps no records.",
)
ALL_LOST_AT_ONCE = Code(
    "fault.all_connections_lost_at_once",
    "every connection of the app ended at once, {times} times",
    "At one look the app had connections, at the next look none of them and no other.",
)
OPENED_WHILE_IN_FORCE = Code(
    "fault.opened_while_in_force",
    "{connections} connections of the app opened while it was in force",
    "The app opened connections into the fault.",
)
GIVEN_UP = Code(
    "fault.given_up",
    "{connections} connections of the app given up while it was in force",
    "Connections of the app ended during the fault.",
)
OPENED_WHILE_DOWN = Code(
    "fault.opened_while_down",
    "{connections} connections of the app opened while nobody was behind the link",
    "A proxy that accepts before it dials shows a connect as a short connection.",
)
OPENED_THROUGH = Code(
    "fault.opened_through",
    "{connections} connections of the app opened through it",
    "A connection opened during the fault carried its own first exchange through it.",
)
SESSIONS_ENDED = Code(
    "fault.sessions_ended",
    "{ended} of {sessions} sessions through the proxy ended at the server",
    "Of the server's sessions that existed when the fault was asked for, some ended during it.",
)


def all_connections_ended(link: LinkView) -> Observed:
    """All connections of the app ended; or it had none during the fault, and came back on one."""
    before = link.ports_established_at(link.begun_s)
    if not before:
        yield from _none_while_in_force(link, set())
        return
    looks = [e for e in link.sockets if link.begun_s < e.at_s <= link.healed_s + SOCKETS_LATE_S]
    last = looks[-1] if looks else None
    if last and last.at_s < link.lived.end_s and not before & set(last.established):
        yield ALL_ENDED(connections=len(before))


def no_connection_by_records(link: LinkView) -> Observed:
    """By the engine's records no connection existed under a refusal, and the app came back.

    One that existed would have been reset. One that the app opened for a single use, and closed
    between the asking and the first moment in force, could not be.
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
    """Where the proxy keeps no records."""
    if not link.has_records and (gone := link.ports_gone):
        yield SOME_ENDED(connections=len(gone))


def all_lost_at_once(link: LinkView) -> Observed:
    """Within the flapping the app had connections, and at the next look not one of them."""
    lost = sum(bool(a.established) and not b.established for a, b in pairwise(link.looks))
    if lost and not link.has_records:
        yield ALL_LOST_AT_ONCE(times=lost)


def opened_or_given_up(link: LinkView) -> Observed:
    """An open connection may be idle; one opened into a silence, or given up, was not."""
    if opened := link.ports_opened:
        yield OPENED_WHILE_IN_FORCE(connections=len(opened))
    if gone := link.ports_gone:
        yield GIVEN_UP(connections=len(gone))


def opened_while_down(link: LinkView) -> Observed:
    """A look just after the fault may be older than it, and shows nothing."""
    late = [e for e in link.looks if e.at_s > link.span.start_s + SOCKETS_LATE_S]
    tried = {p for e in late for p in e.established}
    earlier = [e for e in link.sockets if e not in late and e.at_s <= link.span.end_s]
    if opened := tried - {p for e in earlier for p in e.established}:
        yield OPENED_WHILE_DOWN(connections=len(opened))


def opened_through(link: LinkView) -> Observed:
    """Where the proxy keeps no records."""
    if not link.has_records and (opened := link.ports_opened):
        yield OPENED_THROUGH(connections=len(opened))


def sessions_ended(link: LinkView, *, all_of_them: bool = False) -> Observed:
    """Of the sessions that the server had when it was asked for; later ones may be canaries."""
    before = [set(e.sessions) for e in link.sessions if e.at_s <= link.begun_s]
    had = before[-1] if before else set()
    looks = [e for e in link.sessions if link.begun_s < e.at_s <= link.span.end_s]
    ended = {s for s in had if any(s not in e.sessions for e in looks)}
    if ended and (ended == had or not all_of_them):
        yield SESSIONS_ENDED(ended=len(ended), sessions=len(had))
