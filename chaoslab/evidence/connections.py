"""Functions that say what the proxy engine's record of one connection shows about a fault. Pure.

A pool that closes its idle connections sends a last message on each of them. Such a message is no
request, and it does not show that the service ended the connection.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from chaoslab.evidence.timeline import Span
from chaoslab.history.events import Effect, LinkConnection
from chaoslab.history.journal import History
from chaoslab.model.topology import Topology

# The last message of a Postgres client has 5 bytes. Its other messages of 5 bytes are no requests
# by themselves. The size is used only for runs whose engine did not record last messages. It does
# not work for Redis: QUIT has 14 bytes, as PING has.
GOODBYE_BYTES = 5
SHORT_S = 1.0  # a connection that lasted less was opened for one use; a pool keeps its own longer


def effects_since(
    begun_s: float, connection: LinkConnection, records: Sequence[LinkConnection]
) -> LinkConnection:
    """A copy of `connection` without the effects that its records from before `begun_s` already
    have: these are effects of an earlier fault.
    """
    earlier = [
        r.effects for r in records if r.connection == connection.connection and r.at_s < begun_s
    ]
    return replace(connection, effects=connection.effects[max(map(len, earlier), default=0) :])


def bytes_held(c: LinkConnection, types: Collection[str], gone: Collection[int]) -> int:
    """The number of bytes of the connection on which toxics of `types` acted, without the app's
    last message.

    `gone` are the local ports of connections that have ended, as the app's own sockets show.
    """
    effects = [each for each in c.effects if each.type in types]
    up, down = _of(effects, "upstream"), _of(effects, "downstream")
    closed = closed_by_app(c) or c.client_port in gone
    return 0 if closed and not down and up <= GOODBYE_BYTES else up + down


def _of(effects: Sequence[Effect], stream: str) -> int:
    return sum(each.bytes - each.goodbye for each in effects if each.stream == stream)


def closed_by_app(c: LinkConnection) -> bool:
    """Whether the app's side of the connection ended first."""
    return (c.ending or c.end or "").startswith("client")


def ended_by_service(c: LinkConnection, during: Span) -> bool:
    """Whether the service ended the connection in the time `during`: the service's side ended
    first, or the service announced the end. After the announcement the app's side may end first.

    Records of older runs do not have the time at which a side ended. Then any end by the service
    counts.
    """
    by_it = {"upstream_closed", "upstream_reset"}
    if c.dismissed_s is not None and during.holds(c.dismissed_s):
        return c.ending_s is None or c.dismissed_s <= c.ending_s
    if c.ending_s is not None:
        return c.ending in by_it and during.holds(c.ending_s)
    return c.closed_s is not None and c.end in by_it


def asked_in_vain(c: LinkConnection, during: Span) -> bool:
    """Whether the app sent something on the connection in the time `during`, and the service had
    not answered when the lab read the record.
    """
    if c.asked_s is None:  # the engine of that run did not record it
        return c.opened_s >= during.start_s and c.bytes_upstream > 0 and not c.bytes_downstream
    return during.holds(c.asked_s) and (c.answered_s is None or c.answered_s < c.asked_s)


def dead_at_service(service: str, topology: Topology, history: History) -> int:
    """The number of connections of all apps to the service that a heal left dead and that the
    service had not ended by the end of the run. Those of canaries are included.
    """
    links = {link.name for link in topology.links if link.service == service}
    return sum(
        c.dead_s is not None and c.closed_s is None and not (c.ending or "").startswith("upstream")
        for c in history.of(LinkConnection)
        if c.link in links and not c.fault
    )


def over_before(c: LinkConnection, at_s: float) -> bool:
    """Whether the app opened the connection for one use (it lasted less than a second), and had
    closed it by `at_s`.
    """
    return (
        closed_by_app(c)
        and c.closed_s is not None
        and c.closed_s <= at_s
        and c.closed_s - c.opened_s < SHORT_S
    )
