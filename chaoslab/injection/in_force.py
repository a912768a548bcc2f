"""Keeps one fault in force: begins it, checks it, records its evidence, heals it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from chaoslab.errors import ChaoslabError
from chaoslab.history.events import (
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    ProbeCrashed,
)
from chaoslab.injection.base import Injection
from chaoslab.injection.context import Context
from chaoslab.injection.links import LinkInjection
from chaoslab.injection.missed import NOT_HEALED, reason_of, record_missed
from chaoslab.injection.records import (
    record_left_dead,
    record_links,
    record_metered,
    record_packets,
)

HEAL_WITHIN_S = 10.0


@dataclass(slots=True)
class Ending:
    """Why a fault ends, for the history. The code in the block of `injected` may set `why`."""

    why: str = "its time is over"


@asynccontextmanager
async def injected(
    fault: Injection, context: Context, *, armed: bool = False
) -> AsyncIterator[Ending]:
    """Keep a fault in force for the time of the block. Heals the fault on exit, failure and
    cancellation.

    Yields an Ending, in which the block may set why the fault ends. Records when the fault was
    requested, observed in force, and healed. For an `armed` fault the request is recorded already.
    A fault that is not observed in force is recorded as missed, and the block still runs; the
    verdicts are UNKNOWN then.
    """
    if not armed:
        requested(fault, context)
    ending = Ending()
    await _record_before(fault, context)
    try:
        await _confirm(fault, context, since_s=await fault.begin())
        yield ending
    except BaseException as error:
        ending.why = f"the run was interrupted ({type(error).__name__})"
        raise
    finally:
        await uninterrupted(_heal(fault, context, ending.why))


def requested(fault: Injection, context: Context, *, armed: bool = False) -> None:
    """Record in the journal that a fault is requested; with `armed`, that the proxy engine will
    start it.
    """
    journal, links = context.journal, tuple(link.name for link in fault.links)
    journal.append(
        FaultRequested(at_s=journal.now(), fault=fault.declared.label, links=links, armed=armed)
    )


async def _confirm(fault: Injection, context: Context, *, since_s: float) -> None:
    journal, label = context.journal, fault.declared.label
    try:
        seen = await fault.check()
        for link in fault.links:
            await record_packets(link.name, label, context)
    except ChaoslabError as error:
        record_missed(label, reason_of(error), journal)
    else:
        journal.append(FaultInForce(at_s=journal.now(), fault=label, since_s=since_s, seen=seen))


async def _heal(fault: Injection, context: Context, why: str) -> None:
    journal, label = context.journal, fault.declared.label
    try:
        async with asyncio.timeout(HEAL_WITHIN_S):
            await _record_evidence(fault, context)
            healing_s = journal.now()
            journal.append(FaultHealing(at_s=healing_s, fault=label, why=why))
            await fault.end()
    except ChaoslabError as error:
        record_missed(label, NOT_HEALED(cause=reason_of(error).text), journal)
    except TimeoutError:
        record_missed(label, NOT_HEALED(cause="no answer in time"), journal)
    else:
        journal.append(FaultHealed(at_s=journal.now(), fault=label))
        if isinstance(fault, LinkInjection) and fault.leaves_dead:
            await _record_left_dead(fault, context, healing_s)


async def _record_before(fault: Injection, context: Context) -> None:
    """Record, before the fault begins, how many bytes the proxy of each of its links has counted,
    to compare later counts with. An error of the lab is ignored.
    """
    with suppress(ChaoslabError):
        await record_metered(fault, context)


async def _record_evidence(fault: Injection, context: Context) -> None:
    """Record what the proxies and the kernel counted at the links of a fault, just before its heal.
    If these counts cannot be read, record ProbeCrashed instead and raise no error.
    """
    try:
        await record_links(fault, context)
    except ChaoslabError as error:
        at_s, probe = context.journal.now(), f"links of {fault.declared.label}"
        context.journal.append(ProbeCrashed(at_s=at_s, probe=probe, error=str(error)))


async def _record_left_dead(fault: Injection, context: Context, healing_s: float) -> None:
    try:
        await record_left_dead(fault, context, healing_s)
    except ChaoslabError as error:
        at_s, probe = context.journal.now(), f"dead connections of {fault.declared.label}"
        context.journal.append(ProbeCrashed(at_s=at_s, probe=probe, error=str(error)))


async def uninterrupted(healing: Coroutine[object, object, None]) -> None:
    """Run the coroutine `healing` to its end, even if the calling task is cancelled meanwhile. The
    cancellation is raised after that end.
    """
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
