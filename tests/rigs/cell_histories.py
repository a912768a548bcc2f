"""Small histories of cells by hand. The lab is up at 0; a fault at boot is in force from 0.2, one
under a running app from 3.0; it is healed at 6.0, and the watch ends at 10.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from chaoslab.behaviour.described import Behaviour, described
from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    Bound,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    FirstAnswer,
    HealthSample,
    LinkConnection,
    LinkPackets,
    ProberSample,
    Request,
    RequestOutcome,
    RunEnded,
    Spawned,
    StartupComplete,
    StopRequested,
)
from chaoslab.history.journal import History
from chaoslab.matrix.pace import FAULT
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell, CellFault, CellMoment
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.plan import resolve
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App, Service, Topology
from chaoslab.reason import Reason

LINK = "web.postgres"
AT_BOOT_S, RUNNING_S, HEALED_S, END_S = 0.2, 3.0, 6.0, 10.0
REQUESTS = {
    "order": RequestContract(name="order", kind="page", path="/order", method="POST"),
    "list": RequestContract(name="list", kind="page", path="/list"),
}


def topology(*, requests: bool = True) -> Topology:
    """One app with one service."""
    app = App(
        name="web",
        command=("web",),
        links=("postgres",),
        health=HealthContract(path="/healthcheck", live_path="/liveness"),
        requests=REQUESTS if requests else {},
    )
    services = {"postgres": Service(name="postgres", kind="postgres")}
    return Topology(name="shop", services=services, apps={"web": app})


def cell(fault: CellFault = "refused", moment: CellMoment = "running") -> Cell:
    return Cell(app="web", target="" if fault == "none" else "postgres", fault=fault, moment=moment)


def behaviour(of: Cell, events: Iterable[AnyEvent], *, requests: bool = True) -> Behaviour:
    """What the app did in the cell, by these events."""
    shop = topology(requests=requests)
    plan = resolve(plan_of(of, shop), shop)
    return described(of, shop, plan, History(tuple(sorted(events, key=lambda e: e.at_s))))


def sentence(of: Cell, *events: Iterable[AnyEvent], requests: bool = True) -> str:
    every = [event for group in events for event in group]
    return behaviour(of, every, requests=requests).sentence


def boot(
    at_s: float,
    *,
    number: int = 1,
    listens_s: float | None = None,
    complete_s: float | None = None,
    state: HealthState = HealthState.HEALTHY,
) -> list[AnyEvent]:
    """One boot of the app; a later one is a supervisor's."""
    who = {"app": "web", "boot": number}
    events: list[AnyEvent] = [
        Spawned(at_s=at_s, **who, pid=number, port=80, argv=(), env={}, restart=number > 1)
    ]
    if listens_s is not None:
        events.append(Bound(at_s=listens_s, **who))
    if complete_s is not None:
        events.append(FirstAnswer(at_s=complete_s, **who, status_code=200))
        events.append(StartupComplete(at_s=complete_s, **who, state=state))
    return events


def up(at_s: float = 0.5) -> list[AnyEvent]:
    """A boot that listens half a second and is complete one second after its spawn."""
    return boot(at_s, listens_s=at_s + 0.5, complete_s=at_s + 1.0)


def exits(at_s: float, code: int = 1, *log: str, number: int = 1) -> list[AnyEvent]:
    return [
        Exited(at_s=at_s, app="web", boot=number, exit_code=code, asked=False, log_tail=log),
    ]


def health(
    start_s: float,
    end_s: float,
    state: HealthState = HealthState.HEALTHY,
    *,
    code: int | None = 200,
    error: str | None = None,
    every_s: float = 0.2,
    took_s: float = 0.01,
    number: int = 1,
) -> list[AnyEvent]:
    """Answers of health; without a code there was none, because of `error`."""
    return [
        HealthSample(
            at_s=at_s,
            app="web",
            boot=number,
            took_s=took_s,
            state=state,
            status_code=code,
            word=state.value,
            error=error,
        )
        for at_s in _times(start_s, end_s, every_s)
    ]


def hanging(start_s: float, end_s: float) -> list[AnyEvent]:
    """Requests to health that each waited for a second and got no answer."""
    gone = HealthState.UNREACHABLE
    how = {"code": None, "error": "TimeoutError", "every_s": 1.0, "took_s": 0.99}
    return health(start_s, end_s, gone, **how)  # type: ignore[arg-type]


def live(
    start_s: float, end_s: float, code: int | None = 200, *, number: int = 1
) -> list[AnyEvent]:
    return [
        ProberSample(at_s=at_s, app="web", boot=number, path="live", took_s=0.01, status_code=code)
        for at_s in _times(start_s, end_s, 0.2)
    ]


def requests(
    start_s: float,
    end_s: float,
    outcome: RequestOutcome = "ok",
    *,
    name: str = "order",
    code: int | None = 200,
    error: str | None = None,
    took_s: float = 0.02,
) -> list[AnyEvent]:
    """Five requests of a name each second."""
    return [
        Request(
            at_s=at_s,
            app="web",
            op=f"{name}-{at_s:.2f}",
            outcome=outcome,
            took_s=took_s,
            status_code=code,
            error=error,
            request=name,
            of_kind="page",
        )
        for at_s in _times(start_s, end_s, 0.2)
    ]


def both(
    start_s: float, end_s: float, outcome: RequestOutcome = "ok", **how: object
) -> list[AnyEvent]:
    """Requests of both names."""
    one = requests(start_s, end_s, outcome, name="order", **how)  # type: ignore[arg-type]
    return [*one, *requests(start_s, end_s, outcome, name="list", **how)]  # type: ignore[arg-type]


def all_well(start_s: float, end_s: float) -> list[AnyEvent]:
    """Health, liveness and both requests are as in a steady state."""
    return [*health(start_s, end_s), *live(start_s, end_s), *both(start_s, end_s)]


def fault(
    start_s: float = RUNNING_S,
    end_s: float = HEALED_S - 0.1,
    healed_s: float = HEALED_S,
    *,
    requested_s: float | None = None,
) -> list[AnyEvent]:
    """The events of the fault. It is requested 0.1 s before it is in force, or at `requested_s`."""
    asked_s = start_s - 0.1 if requested_s is None else requested_s
    return [
        FaultRequested(at_s=asked_s, fault=FAULT, links=(LINK,)),
        FaultInForce(at_s=start_s, fault=FAULT, since_s=start_s, seen="a canary"),
        FaultHealing(at_s=end_s, fault=FAULT, why="its time is over"),
        FaultHealed(at_s=healed_s, fault=FAULT),
    ]


def refused(connects: int = 3, start_s: float = RUNNING_S) -> list[AnyEvent]:
    """The kernel counted refused connects of the app: the fault reached it."""
    counts = {"syns_dropped": 0, "packets_dropped": 0, "bytes_up": 0, "bytes_down": 0}
    none = LinkPackets(at_s=start_s, link=LINK, fault=FAULT, syns=0, resets=0, **counts)
    return [none, replace(none, at_s=HEALED_S - 0.15, syns=connects, resets=connects)]


def opened_none(start_s: float = RUNNING_S) -> list[AnyEvent]:
    """The proxy recorded a connection of the app that ended before the fault."""
    return [
        AppSockets(at_s=start_s - 0.5, app="web", boot=1, link=LINK, syn_sent=(), established=()),
        LinkConnection(
            at_s=HEALED_S - 0.2,
            link=LINK,
            fault=FAULT,
            connection=1,
            client_port=5001,
            opened_s=0.7,
            closed_s=0.9,
            bytes_upstream=1,
            bytes_downstream=1,
            held_upstream=0,
            held_downstream=0,
            effects=(),
            end="client_closed",
            answered_s=0.8,
        ),
    ]


def stop(
    at_s: float, after_s: float = 0.2, code: int = 0, killed_s: float | None = None
) -> list[AnyEvent]:
    """SIGTERM of the plan, and the end of the app."""
    asked = StopRequested(at_s=at_s, app="web", boot=1, place="boots[0].stop", grace_s=10.0)
    ended = Exited(
        at_s=at_s + after_s,
        app="web",
        boot=1,
        exit_code=code,
        asked=True,
        log_tail=(),
        killed_after_s=killed_s,
    )
    return [asked, ended]


def missed(why: Reason) -> list[AnyEvent]:
    return [FaultMissed(at_s=4.0, fault=FAULT, why=why)]


def end(at_s: float = END_S, *, settled: bool = True, why: str = "") -> list[AnyEvent]:
    return [RunEnded(at_s=at_s, settled=settled, why=why)]


def _times(start_s: float, end_s: float, every_s: float) -> list[float]:
    return [round(start_s + n * every_s, 3) for n in range(round((end_s - start_s) / every_s))]


Path = Literal["live", "ready"]
