"""Small histories by hand: one good run of a severed connector, and ways to bend it.

The good run, in seconds since the lab's start: the connector is severed from 0.2 to 3.0, the app is
spawned at 0.4, listens at 0.9, is complete and degraded at 2.0, healthy from 3.4, proved at 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from chaoslab import Severed
from chaoslab.expectations import (
    Degrades,
    Expectation,
    NoRestarts,
    ReadyWhenServing,
    Recovers,
    RefusesHonestly,
    RegainsLatency,
    Sampled,
    Serves,
    Starts,
)
from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    Bound,
    CanaryProbe,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    FirstAnswer,
    HealthSample,
    LabUp,
    LinkConnection,
    Met,
    OwnSample,
    ProberSample,
    ReadBack,
    Ready,
    RunEnded,
    ServerConnections,
    Spawned,
    StartupComplete,
    StartupSnapshot,
    Write,
    WriteOutcome,
    WritePurpose,
)
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.steps import Probe
from chaoslab.model.topology import App, Connector, Deadlines, Service, Topology, WriteContract
from chaoslab.model.verdict import Verdict
from chaoslab.model.when import AtMoment
from chaoslab.verdicts.judge import judge

PG, REDIS = "backend.postgres", "backend.redis"
BOTH = ("postgres", "redis")
OUTAGE = "severed:vpc"
_never = AtMoment(moment="exited", nth=99)  # hand-built events, not triggers, heal these faults

HEALTHY, DEGRADED = HealthState.HEALTHY, HealthState.DEGRADED
UNHEALTHY, UNREACHABLE = HealthState.UNHEALTHY, HealthState.UNREACHABLE
_CODE = {HEALTHY: 200, DEGRADED: 200, UNHEALTHY: 503, UNREACHABLE: None}


def app(name: str) -> App:
    """An app with two dependencies: starts in 3 s, degrades in 1 s, recovers in 2 s. Its prober
    waits 0.5 s for an answer, and acts after three misses.
    """
    return App(
        name=name,
        command=("app",),
        links=BOTH,
        health=HealthContract(live_path="/live", ready_path="/ready", prober_timeout_s=0.5),
        deadlines=Deadlines(
            startup_s=3.0, fail_fast_s=3.0, degraded_s=1.0, recovery_s=2.0, stable_s=0.4
        ),
        writes=WriteContract(
            service="postgres",
            create_path="/threads",
            create_body={"id": "{id}"},
            table="threads",
        ),
    )


TOPOLOGY = Topology(
    name="small",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
    },
    apps={"backend": app("backend"), "auth": app("auth")},
    connectors={
        "vpc": Connector(name="vpc", links=(PG, REDIS, "auth.postgres", "auth.redis")),
    },
)

SEVERED = Severed(target="vpc")


SAMPLING = Sampling(cadence_s=0.05, prober_cadence_s=0.1)  # that of the samples made here

LOAD = Load(start=AtMoment(moment="healthy"), rate_per_s=20)


def plan_of(
    *expect: Expectation,
    faults: Sequence[Declared] = (SEVERED,),
    load: tuple[Load, ...] = (),
    max_lag_s: float = 0.5,
) -> Plan:
    """A resolved plan; without expectations, the three that every outage has.

    It has users where an expectation is about them, and a supervisor likewise.
    """
    usual = (Starts(mode="degraded"), Degrades(naming=BOTH), Recovers())
    stopped = tuple(f if f.stop else replace(f, stop=_never) for f in faults)
    boots = max(getattr(e, "boot", 1) for e in expect or usual)
    by_users = Serves | RefusesHonestly | RegainsLatency | ReadyWhenServing
    asks_users = any(isinstance(e, by_users) for e in expect)
    supervised = any(isinstance(e, NoRestarts) for e in expect)
    asked = tuple(Probe(name=e.probe, call=len) for e in expect if isinstance(e, Sampled))
    plan = Plan(
        probes=asked,
        boots=(Boot(restarts=3),) if supervised else (Boot(),) * boots,
        faults=stopped,
        load=load or ((LOAD,) if asks_users else ()),
        sampling=SAMPLING,
        expect=expect or usual,
        max_lag_s=max_lag_s,
    )
    return resolve(plan, TOPOLOGY)


def judged(events: Iterable[AnyEvent], *expect: Expectation, **plan: Any) -> list[Verdict]:
    """What the judge says of these events, one verdict for each expectation."""
    return list(judge(TOPOLOGY, plan_of(*expect, **plan), history_of(events)))


def outcomes(verdicts: Iterable[Verdict]) -> list[str]:
    """The outcomes alone."""
    return [verdict.outcome.value for verdict in verdicts]


def history_of(events: Iterable[AnyEvent]) -> History:
    """Events in the order in which the lab would have written them."""
    return History(tuple(sorted(events, key=written_s)))


TIMED = HealthSample | ProberSample | Write | OwnSample


def written_s(event: AnyEvent) -> float:
    """When an event is written: what takes time stands in the history when it is over."""
    took_s = event.took_s if isinstance(event, TIMED) else 0.0
    return event.at_s + took_s


# --- one event each ---


def sample(
    at_s: float,
    state: HealthState,
    *lost: str,
    took_s: float = 0.01,
    boot: int = 1,
    words: dict[str, str] | None = None,
) -> HealthSample:
    """A health sample that names `lost` as down and the rest of both as up."""
    return HealthSample(
        at_s=at_s,
        app="backend",
        boot=boot,
        took_s=took_s,
        state=state,
        status_code=_CODE[state],
        word=state.value,
        dependencies=words or {name: "down" if name in lost else "up" for name in BOTH},
        error="TimeoutError" if state is UNREACHABLE else None,
    )


def samples(
    start_s: float, end_s: float, state: HealthState, *lost: str, boot: int = 1
) -> list[HealthSample]:
    """Samples every 0.05 s from `start_s`, the last one sent before `end_s`."""
    count = round((end_s - start_s) / 0.05)
    return [sample(round(start_s + 0.05 * i, 3), state, *lost, boot=boot) for i in range(count)]


def write(
    at_s: float,
    op: str,
    outcome: WriteOutcome = "ok",
    *,
    purpose: WritePurpose = "load",
    took_s: float = 0.02,
    code: int | None = 201,
    retry_after: bool = False,
    app: str = "backend",
) -> Write:
    return Write(
        at_s=at_s,
        app=app,
        op=op,
        outcome=outcome,
        took_s=took_s,
        status_code=code,
        retry_after=retry_after,
        purpose=purpose,
    )


def writes(
    start_s: float,
    end_s: float,
    outcome: WriteOutcome = "ok",
    *,
    took_s: float = 0.02,
    code: int | None = 201,
) -> list[Write]:
    """The load's writes, every 0.05 s from `start_s`, the last one sent before `end_s`."""
    count = round((end_s - start_s) / 0.05)
    times = [round(start_s + 0.05 * i, 3) for i in range(count)]
    polite = code == 503
    return [
        write(at_s, f"w{at_s:.2f}", outcome, took_s=took_s, code=code, retry_after=polite)
        for at_s in times
    ]


def counted(at_s: float, count: int | None, service: str = "postgres") -> ServerConnections:
    return ServerConnections(at_s=at_s, service=service, count=count)


def back(at_s: float, *found: str, missing: tuple[str, ...] = (), app: str = "backend") -> ReadBack:
    return ReadBack(
        at_s=at_s, app=app, service="postgres", found=found, missing=missing, repeated={}
    )


def sockets(
    at_s: float,
    link: str,
    *,
    syn_sent: tuple[int, ...] = (),
    established: tuple[int, ...] = (),
    boot: int = 1,
) -> AppSockets:
    return AppSockets(
        at_s=at_s,
        app=link.partition(".")[0],
        boot=boot,
        link=link,
        syn_sent=syn_sent,
        established=established,
    )


def canary(
    at_s: float,
    link: str,
    outcome: Literal["answered", "refused", "connect_timeout", "silent"] = "connect_timeout",
    *,
    port: int | None = None,
    took_s: float = 0.1,
) -> CanaryProbe:
    return CanaryProbe(at_s=at_s, link=link, outcome=outcome, took_s=took_s, client_port=port)


def connection(
    link: str,
    port: int,
    *,
    fault: str = OUTAGE,
    read_s: float = 2.99,
    number: int = 1,
    opened_s: float = 1.0,
    closed_s: float | None = None,
    up: int = 0,
    down: int = 0,
    met: tuple[Met, ...] = (),
    end: str | None = None,
    **heard: Any,
) -> LinkConnection:
    """One connection as the engine told it at `read_s` for `fault`."""
    return LinkConnection(
        at_s=read_s,
        link=link,
        fault=fault,
        connection=number,
        client_port=port,
        opened_s=opened_s,
        closed_s=closed_s,
        bytes_upstream=up,
        bytes_downstream=down,
        held_upstream=0,
        held_downstream=0,
        met=met,
        end=end,
        **heard,
    )


def met(name: str, kind: str, count: int, *, stream: str = "upstream", goodbye: int = 0) -> Met:
    return Met(name=name, type=kind, stream=stream, bytes=count, goodbye=goodbye)


def spawned(at_s: float, boot: int = 1, app: str = "backend") -> Spawned:
    return Spawned(at_s=at_s, app=app, boot=boot, pid=100 + boot, port=8000, argv=("a",), env={})


def exited(
    at_s: float, *, code: int = 0, asked: bool = True, boot: int = 1, log: tuple[str, ...] = ()
) -> Exited:
    return Exited(at_s=at_s, app="backend", boot=boot, exit_code=code, asked=asked, log_tail=log)


def snapshot(at_s: float, **changed: Any) -> StartupSnapshot:
    phases = ("init", "database", "cache", "finalize")
    whole = StartupSnapshot(
        at_s=at_s,
        app="backend",
        boot=1,
        complete=True,
        failed=False,
        mode="emergency_degraded",
        completed_phases=phases,
        degraded_phases=("database", "cache"),
        failed_phases=(),
        phase_timings_s=dict.fromkeys(phases, 0.1),
    )
    return replace(whole, **changed)


def complete(at_s: float, state: HealthState, boot: int = 1) -> StartupComplete:
    return StartupComplete(at_s=at_s, app="backend", boot=boot, state=state)


def own(
    start_s: float, end_s: float, *, ok: bool = True, probe: str = "pay", error: str | None = None
) -> list[AnyEvent]:
    """Samples of a probe of the scenario's own, each 0.1 s."""
    count = round((end_s - start_s) / 0.1)
    return [
        OwnSample(at_s=start_s + 0.1 * n, probe=probe, took_s=0.01, ok=ok, error=error)
        for n in range(count)
    ]


def probed(
    path: Literal["live", "ready"],
    start_s: float,
    end_s: float,
    code: int | None = 200,
    *,
    took_s: float = 0.01,
    boot: int = 1,
) -> list[ProberSample]:
    """Questions every 0.1 s from `start_s`, the last sent before `end_s`; no code: no answer."""
    return [
        ProberSample(
            at_s=round(start_s + 0.1 * i, 3),
            app="backend",
            boot=boot,
            path=path,
            took_s=took_s,
            status_code=code,
            error=None if code else "ReadTimeout",
        )
        for i in range(round((end_s - start_s) / 0.1))
    ]


def ready(at_s: float) -> Ready:
    return Ready(at_s=at_s, app="backend", boot=1)


def fault(
    label: str, requested_s: float, since_s: float, healing_s: float | None, healed_s: float | None
) -> list[AnyEvent]:
    """A fault's own events; without `healing_s` it is never taken away."""
    events: list[AnyEvent] = [
        FaultRequested(at_s=requested_s, fault=label, links=(PG, REDIS)),
        FaultInForce(at_s=since_s + 0.11, fault=label, since_s=since_s, seen="canary"),
    ]
    if healing_s is not None:
        events.append(FaultHealing(at_s=healing_s, fault=label, why="its time is over"))
    if healed_s is not None:
        events.append(FaultHealed(at_s=healed_s, fault=label))
    return events


def ended(at_s: float, *, settled: bool = True) -> RunEnded:
    why = "every expectation can be judged" if settled else "interrupted"
    return RunEnded(at_s=at_s, settled=settled, why=why)


# --- whole runs ---


def outage() -> list[AnyEvent]:
    """The good run without any evidence that the outage met the app."""
    return [
        LabUp(at_s=0.1, took_s=0.1, versions={}, links={}),
        *fault(OUTAGE, 0.2, 0.21, 3.0, 3.02),
        canary(0.31, PG),
        canary(0.31, REDIS),
        spawned(0.4),
        *samples(0.45, 0.9, UNREACHABLE),
        Bound(at_s=0.9, app="backend", boot=1),
        FirstAnswer(at_s=0.95, app="backend", boot=1, status_code=503),
        *samples(0.95, 2.0, UNHEALTHY),
        snapshot(2.0),
        complete(2.0, DEGRADED),
        *samples(2.0, 3.4, DEGRADED, *BOTH),
        *samples(3.4, 4.1, HEALTHY),
        write(3.42, "proof-1", purpose="proof"),
        ready(3.45),
        back(3.5, "proof-1"),
        back(4.15, "proof-1"),
        exited(4.2),
        ended(4.25),
    ]


def bites() -> list[AnyEvent]:
    """What shows that the dropped outage met the app on both links."""
    return [
        sockets(1.0, PG, syn_sent=(5001,)),
        sockets(1.5, REDIS, syn_sent=(6001,)),
        sockets(1.6, REDIS),
        sockets(2.5, PG),
        sockets(3.4, PG, established=(5002,)),
        sockets(3.4, REDIS, established=(6002,)),
    ]


def good() -> list[AnyEvent]:
    """The good run, evidence included."""
    return [*outage(), *bites()]


def healthy_run(until_s: float = 3.0) -> list[AnyEvent]:
    """An app that starts at 0.4, is healthy from 1.0, and has one connection on each link."""
    return [
        spawned(0.4),
        Bound(at_s=0.8, app="backend", boot=1),
        snapshot(1.0, mode="normal", degraded_phases=()),
        complete(1.0, HEALTHY),
        ready(1.02),
        sockets(0.9, PG, established=(5001,)),
        sockets(0.9, REDIS, established=(6001,)),
        *samples(1.0, until_s, HEALTHY),
    ]


STOPPED = "stopped:postgres"


def stopped_under_load() -> list[AnyEvent]:
    """A good run under 20 writes a second: Postgres is stopped from 2.45 to 4.6, health is degraded
    from 2.6 to 5.0, and the app tries the link five times with growing pauses meanwhile.
    """
    tries = [(5, 2.5), (6, 2.6), (7, 2.85), (8, 3.3), (9, 4.1)]
    tried = [
        connection(PG, 5000 + n, number=n, opened_s=at_s, closed_s=at_s, end="upstream_refused")
        for n, at_s in tries
    ]
    served = [*writes(1.1, 2.4), *writes(5.0, 6.9)]
    again = connection(PG, 5100, fault="", read_s=7.0, number=10, opened_s=4.95)
    return [
        LabUp(at_s=0.1, took_s=0.1, versions={}, links={}),
        *(counted(at_s, n, s) for s in BOTH for at_s, n in ((0.3, 0), (0.9, 1), (1.3, 3))),
        *healthy_run(2.6),
        *served,
        *fault(STOPPED, 2.4, 2.45, 4.5, 4.6),
        counted(2.5, None),
        sockets(2.45, PG),
        *writes(2.4, 5.0, "failed", code=503),
        *samples(2.6, 5.0, DEGRADED, "postgres"),
        *(replace(c, fault=STOPPED, at_s=4.49) for c in tried),
        counted(4.65, 0),
        sockets(4.96, PG, established=(5100,)),
        counted(5.0, 4),
        *samples(5.0, 7.0, HEALTHY),
        write(5.1, "proof-1", purpose="proof"),
        back(5.2, "proof-1"),
        *(replace(c, fault="", at_s=7.0) for c in tried),
        again,
        back(7.05, "proof-1", *(w.op for w in served)),
        exited(7.1),
        ended(7.15),
    ]


def served_again(
    until_s: float = 9.4, outcome: WriteOutcome = "ok", code: int = 201
) -> list[AnyEvent]:
    """The same run under load until `until_s`: 2 s after the heal, from 6.6 on, every write counts
    again, of which each second is of that outcome.
    """
    more = writes(6.9, until_s)
    more[1::2] = [replace(w, outcome=outcome, status_code=code) for w in more[1::2]]
    return [
        *without(stopped_under_load(), of(Exited, RunEnded)),
        *more,
        *samples(7.0, until_s, HEALTHY),
        back(until_s + 0.05, "proof-1", *(w.op for w in more if w.outcome == "ok")),
        exited(until_s + 0.1),
        ended(until_s + 0.2),
    ]


def without(events: Iterable[AnyEvent], unwanted: Callable[[AnyEvent], bool]) -> list[AnyEvent]:
    """The events but for the unwanted."""
    return [event for event in events if not unwanted(event)]


def of(*kinds: type) -> Callable[[AnyEvent], bool]:
    """Whether an event is of one of these types."""
    return lambda event: isinstance(event, kinds)


def between(start_s: float, end_s: float) -> Callable[[AnyEvent], bool]:
    """Whether an event is a health sample sent from `start_s` on and before `end_s`."""
    return lambda event: isinstance(event, HealthSample) and start_s <= event.at_s < end_s
