"""What a fault needs, and the one way in which every fault begins, is seen, and heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from chaoslab.errors import ChaoslabError
from chaoslab.history.events import (
    CanaryProbe,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    LinkConnection,
    LinkDrops,
    LinkMetered,
    LinkPackets,
    Met,
    ProbeCrashed,
)
from chaoslab.history.journal import Journal
from chaoslab.injection.mutation import Mutation
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.faults import FaultSpec
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Link, Topology
from chaoslab.proxies.base import ProxyControl
from chaoslab.runtimes.base import RunningService, Runtime

HEAL_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What faults act on: the proxies of the links, the services, and the journal they write to.

    `addresses` says where an app reaches each link, `canary_addresses` where canaries go instead.
    `connect_held_by` says which fault holds a proxy's connect phase: there is one for all clients.
    """

    topology: Topology
    runtime: Runtime
    control: ProxyControl
    services: Mapping[str, RunningService]
    addresses: Mapping[str, Endpoint]
    journal: Journal
    seed: int
    connect_held_by: dict[str, str] = field(default_factory=dict)
    canary_addresses: Mapping[str, Endpoint] = field(default_factory=dict)
    disabled: Mutation | None = None

    @property
    def joined(self) -> list[Link]:
        """The links with a proxy of this lab's: all, but where it may use only some."""
        return [link for link in self.topology.links if link.name in self.addresses]

    def disables(self, spec: FaultSpec) -> bool:
        """Whether that fault is the one that is disabled."""
        return self.disabled is not None and self.disabled.fault == spec.label

    async def canary(self, link: Link, *, within_s: float) -> Sighting | None:
        """Try one link from where its app stands, and write down what was met.

        None where the lab cannot stand there, and so has met nothing.
        """
        kind, app = self.topology.services[link.service].kind, self.topology.apps[link.app]
        address = self.canary_addresses.get(link.name, self.addresses[link.name])
        sighting = await self.runtime.ask(app, address, kind, within_s=within_s)
        if sighting is None:
            return None
        self.journal.append(
            CanaryProbe(
                at_s=self.journal.now(),
                link=link.name,
                outcome=sighting.outcome,
                took_s=sighting.took_s,
                client_port=sighting.client_port,
            )
        )
        return sighting


class Fault(Protocol):
    """One declared fault, ready to be put in force on a ground.

    `links` is its blast radius; `shade` is the colour name by which reports draw its time.
    """

    @property
    def spec(self) -> FaultSpec: ...

    @property
    def links(self) -> tuple[Link, ...]: ...

    @property
    def shade(self) -> str: ...

    async def begin(self) -> float:
        """Put it in force; returns the journal time at which that was done, at the latest."""

    async def seen(self) -> str:
        """What shows it in force, in a few words. Raises InjectionFailed where nothing does."""

    async def end(self) -> None:
        """Take it away and see that it is gone. Ending what never began is no error."""


@dataclass(slots=True)
class Ending:
    """Why a fault ends, for the history; the block that keeps it may say so."""

    why: str = "its time was over"


@asynccontextmanager
async def injected(fault: Fault, ground: Ground, *, armed: bool = False) -> AsyncIterator[Ending]:
    """Keep a fault in force for the time of the block; heals on exit, failure and cancellation.

    Writes down when it was asked for (unless that was done when it was `armed`), seen in force, and
    healed. A fault that cannot be shown is written down as missed and the block runs all the same:
    the verdicts then say UNKNOWN.
    """
    if not armed:
        requested(fault, ground)
    ending = Ending()
    await _look_first(fault, ground)
    try:
        await _confirm(fault, ground, since_s=await fault.begin())
        yield ending
    except BaseException as error:
        ending.why = f"the run was interrupted ({type(error).__name__})"
        raise
    finally:
        await uninterrupted(_heal(fault, ground, ending.why))


def requested(fault: Fault, ground: Ground, *, armed: bool = False) -> None:
    """Write down that a fault is asked for, or armed."""
    journal, links = ground.journal, tuple(link.name for link in fault.links)
    journal.append(
        FaultRequested(at_s=journal.now(), fault=fault.spec.label, links=links, armed=armed)
    )


async def _confirm(fault: Fault, ground: Ground, *, since_s: float) -> None:
    journal, label = ground.journal, fault.spec.label
    try:
        seen = await fault.seen()
        for link in fault.links:
            await record_packets(link.name, label, ground)
    except ChaoslabError as error:
        journal.append(FaultMissed(at_s=journal.now(), fault=label, why=str(error)))
    else:
        journal.append(FaultInForce(at_s=journal.now(), fault=label, since_s=since_s, seen=seen))


async def _heal(fault: Fault, ground: Ground, why: str) -> None:
    journal, label = ground.journal, fault.spec.label
    try:
        async with asyncio.timeout(HEAL_WITHIN_S):
            await _look_once_more(fault, ground)
            journal.append(FaultHealing(at_s=journal.now(), fault=label, why=why))
            await fault.end()
    except (ChaoslabError, TimeoutError) as error:
        why = f"could not be healed: {error or 'no answer in time'}"
        journal.append(FaultMissed(at_s=journal.now(), fault=label, why=why))
    else:
        journal.append(FaultHealed(at_s=journal.now(), fault=label))


async def _look_first(fault: Fault, ground: Ground) -> None:
    """What is counted before it begins; without that, what is counted later shows nothing."""
    with suppress(ChaoslabError):
        await _record_metered(fault, ground)


async def _look_once_more(fault: Fault, ground: Ground) -> None:
    """Evidence that cannot be had is written down, and never stands before the heal."""
    try:
        await record_links(fault, ground)
    except ChaoslabError as error:
        at_s, probe = ground.journal.now(), f"links of {fault.spec.label}"
        ground.journal.append(ProbeCrashed(at_s=at_s, probe=probe, error=str(error)))


async def record_links(fault: Fault, ground: Ground) -> None:
    """Write down what each link of the fault has had, as the proxy and its kernel saw it."""
    journal, label = ground.journal, fault.spec.label
    await _record_metered(fault, ground)
    for link in fault.links:
        await record_packets(link.name, label, ground)
        if drops := await ground.control.syn_drops(link.name):
            at_s = journal.now()
            journal.append(LinkDrops(at_s=at_s, link=link.name, fault=label, syn_drops=drops))
        await record_connections(link.name, label, ground)


async def record_packets(link: str, fault: str, ground: Ground) -> None:
    """Write down what the kernel has counted at a link so far, where something counts; `fault` is
    empty at the run's end.
    """
    journal = ground.journal
    if (counted := await ground.control.packets(link)) is not None:
        journal.append(
            LinkPackets(
                at_s=journal.now(),
                link=link,
                fault=fault,
                syns=counted.syns,
                syns_dropped=counted.syns_dropped,
                packets_dropped=counted.packets_dropped,
                bytes_up=counted.bytes_up,
                bytes_down=counted.bytes_down,
                resets=counted.resets,
            )
        )


async def _record_metered(fault: Fault, ground: Ground) -> None:
    """Write down what the proxy's own metrics say, where no canary can be among it."""
    journal, label = ground.journal, fault.spec.label
    for link in fault.links:
        if (ended := await ground.control.ended_bytes(link.name)) is not None:
            at_s = journal.now()
            journal.append(LinkMetered(at_s=at_s, link=link.name, fault=label, ended_bytes=ended))


async def record_connections(link: str, fault: str, ground: Ground) -> None:
    """Write down the connections that a link has had; `fault` is empty at the run's end."""
    journal, origin_s = ground.journal, ground.journal.origin_s

    def since_start(at_s: float | None) -> float | None:
        return None if at_s is None else at_s - origin_s

    for c in await ground.control.connections(link):
        journal.append(
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
                met=tuple(
                    Met(name=m.name, type=m.type, stream=m.stream, bytes=m.bytes, goodbye=m.goodbye)
                    for m in c.met
                ),
                end=c.end,
                asked_s=since_start(c.asked_s),
                answered_s=since_start(c.answered_s),
                dismissed_s=since_start(c.dismissed_s),
                ending=c.ending,
                ending_s=since_start(c.ending_s),
            )
        )


async def uninterrupted(healing: Coroutine[object, object, None]) -> None:
    """Await healing to its end, even where the task is cancelled (again) meanwhile."""
    task = asyncio.create_task(healing)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
