"""Reads and records what proxies and the kernel counted at a link: the evidence of its faults."""

from __future__ import annotations

from chaoslab.history.events import (
    AnyEvent,
    CanaryProbe,
    Effect,
    LinkConnection,
    LinkDrops,
    LinkLeftDead,
    LinkMetered,
    LinkPackets,
    SeenMessage,
)
from chaoslab.injection.base import Injection
from chaoslab.injection.context import Context


async def record_links(fault: Injection, context: Context) -> None:
    """Record what the proxy and the kernel counted at each link of the fault, and the connections
    there.
    """
    for reading in await read_links(fault, context):
        context.journal.append(reading)


async def read_links(fault: Injection, context: Context) -> list[AnyEvent]:
    """What the proxy and the kernel have counted at each link of the fault so far, and the
    connections there, as events that are not recorded.
    """
    label, now = fault.declared.label, context.journal.now
    read: list[AnyEvent] = [*await _metered(fault, context)]
    for link in fault.links:
        read += await _packets(link.name, label, context)
        if drops := await context.control.syn_drops(link.name):
            read.append(LinkDrops(at_s=now(), link=link.name, fault=label, syn_drops=drops))
        read += await _connections(link.name, label, context)
    return read


async def record_packets(link: str, fault: str, context: Context) -> None:
    """Record what the kernel has counted at a link so far, if the kernel counts there.

    `fault` is the fault's label, empty at the run's end.
    """
    for reading in await _packets(link, fault, context):
        context.journal.append(reading)


async def record_metered(fault: Injection, context: Context) -> None:
    """Record how many bytes the proxy counted on the ended connections of each link of the fault.

    Nothing is recorded for a link if the number is unknown, or includes the lab's own canaries.
    """
    for reading in await _metered(fault, context):
        context.journal.append(reading)


async def record_connections(link: str, fault: str, context: Context) -> None:
    """Record every connection that the proxy of a link has had so far.

    `fault` is the label of the fault that is healed next; empty before the first fault and at the
    run's end.
    """
    for reading in await _connections(link, fault, context):
        context.journal.append(reading)


async def _packets(link: str, fault: str, context: Context) -> list[LinkPackets]:
    if (counted := await context.control.packets(link)) is None:
        return []
    return [
        LinkPackets(
            at_s=context.journal.now(),
            link=link,
            fault=fault,
            syns=counted.syns,
            syns_dropped=counted.syns_dropped,
            packets_dropped=counted.packets_dropped,
            bytes_up=counted.bytes_up,
            bytes_down=counted.bytes_down,
            resets=counted.resets,
        )
    ]


async def _metered(fault: Injection, context: Context) -> list[LinkMetered]:
    read, label = [], fault.declared.label
    for link in fault.links:
        if (ended := await context.control.ended_bytes(link.name)) is not None:
            at_s = context.journal.now()
            read.append(LinkMetered(at_s=at_s, link=link.name, fault=label, ended_bytes=ended))
    return read


async def _connections(link: str, fault: str, context: Context) -> list[LinkConnection]:
    journal, origin_s = context.journal, context.journal.origin_s

    def since_start(at_s: float | None) -> float | None:
        return None if at_s is None else at_s - origin_s

    return [
        LinkConnection(
            at_s=journal.now(),
            link=link,
            fault=fault,
            connection=c.id,
            client_port=c.client_port,
            opened_s=c.opened_s - origin_s,
            closed_s=since_start(c.closed_s),
            bytes_upstream=c.bytes_upstream,
            bytes_downstream=c.bytes_downstream,
            held_upstream=c.held_upstream,
            held_downstream=c.held_downstream,
            effects=tuple(
                Effect(name=m.name, type=m.type, stream=m.stream, bytes=m.bytes, goodbye=m.goodbye)
                for m in c.effects
            ),
            end=c.end,
            asked_s=since_start(c.asked_s),
            answered_s=since_start(c.answered_s),
            dismissed_s=since_start(c.dismissed_s),
            ending=c.ending,
            ending_s=since_start(c.ending_s),
            dead_s=since_start(c.dead_s),
            messages=tuple(
                SeenMessage(
                    toxic=m.toxic,
                    stream=m.stream,
                    word=m.word,
                    at_s=m.seen_s - origin_s,
                    number=m.number,
                    acted=m.acted,
                )
                for m in c.messages
            ),
            unread=c.unread,
        )
        for c in await context.control.connections(link)
    ]


async def record_left_dead(fault: Injection, context: Context, healing_s: float) -> None:
    """Record, for each link with such connections, how many connections of the app the heal that
    began at `healing_s` left dead.
    """
    journal, label = context.journal, fault.declared.label
    since_s = journal.origin_s + healing_s
    for link in fault.links:
        canaries = {c.client_port for c in journal.history.of(CanaryProbe) if c.link == link.name}
        dead = [
            c
            for c in await context.control.connections(link.name)
            if c.dead_s is not None and c.dead_s >= since_s and c.client_port not in canaries
        ]
        if dead:
            at_s, count = journal.now(), len(dead)
            journal.append(LinkLeftDead(at_s=at_s, link=link.name, fault=label, connections=count))
