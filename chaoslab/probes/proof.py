"""The proof of a recovery: a write through the app, found in the database itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultMissed,
    HealthSample,
    ProbeCrashed,
    Request,
)
from chaoslab.history.journal import Journal
from chaoslab.model.expectation import Expected, ProofWanted
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.read_back import LookUp, read_back
from chaoslab.probes.workload import Sender
from chaoslab.services.base import TalkFailed


async def prove_recovery(
    plan: Plan,
    e: Expected,
    wanted: ProofWanted,
    journal: Journal,
    *,
    sender: Callable[[str], Sender | None],
    app: App,
    look_up: LookUp,
) -> None:
    """Wait until every fault is over and the app is healthy again, then send writes until one is
    acknowledged, and look that write up in the service. Does nothing if the app is not healthy in
    time.
    """
    assert plan.limit_s is not None, "the plan was not resolved"
    labels = {fault.label for fault in plan.faults}
    over = await journal.wait_for(lambda events: _all_over(labels, events), plan.limit_s)
    if over is None:
        return
    healthy = await journal.wait_for(
        lambda events: _healthy_after(over.at_s, e, wanted, events),
        wanted.within_s + wanted.stable_s,
    )
    current = sender(e.app)
    if healthy is None or current is None:
        return
    if (proof := await current.prove(wanted.within_s)) is not None:
        assert app.write is not None
        await _look_up([proof], app.name, app.write, look_up, journal)


async def look_up_writes(
    app: str, contract: RequestContract, look_up: LookUp, journal: Journal
) -> None:
    """Look up every write of that contract, of the loads and of the proof, and
    record which are missing.

    Writes that were not acknowledged are looked up too: a retry may have stored them twice.
    """
    mine = (app, contract.name)
    writes = [w for w in journal.history.of(Request) if (w.app, w.request) == mine]
    if not writes:
        return
    try:
        await _look_up(writes, app, contract, look_up, journal)
    except TalkFailed as error:
        if all(write.outcome != "ok" for write in writes):
            return  # an app that stored nothing may not have created its table
        journal.append(ProbeCrashed(at_s=journal.now(), probe="read_back", error=str(error)))


async def _look_up(
    writes: Sequence[Request],
    app: str,
    contract: RequestContract,
    look_up: LookUp,
    journal: Journal,
) -> None:
    """Look `writes` up and record what is found, until every acknowledged one is
    found, or `within_s` has passed since the last answer.
    """
    place = contract.looked_up
    assert place is not None
    ok = [write for write in writes if write.outcome == "ok"]
    answered_s = max((write.at_s + write.took_s for write in ok), default=0.0)
    await read_back(
        app,
        contract,
        look_up,
        [write.op for write in writes],
        journal,
        wanted=[write.op for write in ok],
        until_s=answered_s + place.within_s,
    )


def _all_over(labels: set[str], events: Sequence[AnyEvent]) -> AnyEvent | None:
    over = [event for event in events if isinstance(event, FaultHealed | FaultMissed)]
    return over[-1] if over and labels <= {event.fault for event in over} else None


def _healthy_after(
    at_s: float, e: Expected, wanted: ProofWanted, events: Sequence[AnyEvent]
) -> AnyEvent | None:
    for event in reversed(events):
        if (
            isinstance(event, HealthSample)
            and event.at_s >= at_s
            and event.state is HealthState.HEALTHY
            and event.app == e.app
            and (event.boot == e.of_boot or (wanted.over_boots and event.boot > e.of_boot))
        ):
            return event
    return None
