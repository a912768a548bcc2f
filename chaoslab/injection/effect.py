"""Watches for the first observation that a fault affects an app, if somebody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chaoslab.errors import ChaoslabError
from chaoslab.evidence.first_change import first_change
from chaoslab.evidence.timeline import around_span
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import AnyEvent, FaultEffect
from chaoslab.history.journal import History
from chaoslab.injection.base import Injection
from chaoslab.injection.context import Context
from chaoslab.injection.records import read_links
from chaoslab.model.plan import Plan
from chaoslab.reason import Reason

LOOK_S = 0.1


def is_awaited(label: str, plan: Plan) -> bool:
    """Whether a trigger of the plan waits until the fault affects an app, or a step of the plan
    ends the fault: that step may wait for it.
    """
    fault = plan.fault(label)
    if fault is not None and fault.stop is not None and fault.stop.moment == "done":
        return True
    moments = (moment for _, moment in plan.moments)
    return any(each.moment == "affected" and each.of in ("", label) for each in moments)


async def watch_effect(fault: Injection, context: Context) -> None:
    """Record the first observation that the fault affects an app, and return. Returns at once if
    the fault is not in force. What an app did since the request of the fault counts as well.

    The counts of proxies and the kernel are read for this, and not recorded.
    """
    journal, label = context.journal, fault.declared.label
    while (span := around_span(journal.history, label)) is not None:
        read = await _read(fault, context)
        found = next(_effects(fault, context, read, span.start_s), None)
        if found is not None:
            app, what = found
            journal.append(FaultEffect(at_s=journal.now(), fault=label, app=app, what=what))
            return
        await asyncio.sleep(LOOK_S)


async def _read(fault: Injection, context: Context) -> list[AnyEvent]:
    try:
        return await read_links(fault, context)
    except ChaoslabError:  # the reading just before the heal reports it
        return []


def _effects(
    fault: Injection, context: Context, read: list[AnyEvent], since_s: float
) -> Iterator[tuple[str, Reason]]:
    """Yields each app that is affected, with what was observed: what changed in its answers, or
    what was observed of its connections.
    """
    recorded = context.journal.history
    now = History((*recorded.events, *read))
    for app in dict.fromkeys(link.app for link in fault.links):
        if (change := first_change(recorded, app, since_s)) is not None:
            yield app, change
        evidence = evidence_of(fault.declared, context.topology, now, app=app)
        yield from ((app, line) for lines in evidence.per_link.values() for line in lines)
