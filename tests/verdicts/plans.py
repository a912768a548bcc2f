"""A small topology, and plans for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chaoslab import Severed
from chaoslab.expectations import (
    ComesBack,
    Degrades,
    Delivers,
    Expectation,
    HonestHealth,
    NoRestarts,
    ReadsOwnWrites,
    Recovers,
    RestartsSlowly,
    Sampled,
    SeparatesUsers,
    Starts,
    Stops,
    Unaffected,
    Waits,
)
from chaoslab.expectations.of_request import OfRequest
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.requests import Found, GoodAnswer, RequestContract
from chaoslab.model.steps import Probe
from chaoslab.model.topology import App, Connector, Deadlines, Service, Topology
from chaoslab.model.when import AtMoment

PG, REDIS = "backend.postgres", "backend.redis"
BOTH = ("postgres", "redis")
OUTAGE = "severed:vpc"
_never = AtMoment(moment="exited", nth=99)  # hand-built events, not triggers, heal and stop


def app(name: str) -> App:
    """An app with two dependencies. It starts in 3 s, degrades in 1 s and recovers in 2 s. Its
    prober waits 0.5 s and acts after three misses.
    """
    return App(
        name=name,
        command=("app",),
        links=BOTH,
        health=HealthContract(live_path="/live", ready_path="/ready", prober_timeout_s=0.5),
        deadlines=Deadlines(
            startup_s=3.0, fail_fast_s=3.0, degraded_s=1.0, recovery_s=2.0, stable_s=0.4
        ),
        requests={
            "write": RequestContract(
                name="write",
                kind="write",
                method="POST",
                path="/threads",
                body={"id": "{id}"},
                found=Found(service="postgres", table="threads"),
            ),
            "job": RequestContract(
                name="job",
                kind="job",
                method="POST",
                path="/jobs/{id}",
                found=Found(service="redis", key="done", within_s=1.0),
            ),
            "chat": RequestContract(
                name="chat",
                kind="job",
                method="POST",
                path="/chats/{id}",
                headers={"X-User": "{user}"},
                found=Found(websocket="/ws/{user}", within_s=1.0),
                users=("ann", "ben"),
            ),
            "seen": RequestContract(
                name="seen",
                kind="read",
                path="/threads/{id}",
                of="write",
                good=GoodAnswer(equals={"id": "{id}"}),
            ),
        },
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
CHATS = Load(start=AtMoment(moment="healthy"), rate_per_s=10, request="chat")
JOBS = Load(start=AtMoment(moment="healthy"), rate_per_s=10, request="job")
READS = replace(LOAD, request="seen")


def plan_of(
    *expect: Expectation,
    faults: Sequence[Declared] = (SEVERED,),
    load: tuple[Load, ...] = (),
    max_lag_s: float = 0.5,
) -> Plan:
    """A resolved plan. Without expectations it has three for an outage. It has a load and a
    supervisor where an expectation needs them.
    """
    usual = (Starts(mode="degraded"), Degrades(naming=BOTH), Recovers())
    stopped = tuple(f if f.stop else replace(f, stop=_never) for f in faults)
    boots = max(getattr(e, "boot", 1) for e in expect or usual)
    of_users = OfRequest | Stops | HonestHealth | ComesBack | Unaffected | Waits
    asks_users = any(isinstance(e, of_users) for e in expect)
    sends_jobs = any(isinstance(e, Delivers) for e in expect)
    has_users = any(isinstance(e, SeparatesUsers) for e in expect)
    reads_writes = any(isinstance(e, ReadsOwnWrites) for e in expect)
    supervised = any(
        isinstance(e, NoRestarts | RestartsSlowly) or getattr(e, "restarts_at_most", 0) != 0
        for e in expect
    )
    first = Boot(stop=_never) if any(isinstance(e, Stops) for e in expect) else Boot()
    asked = tuple(Probe(name=e.probe, call=len) for e in expect if isinstance(e, Sampled))
    plan = Plan(
        probes=asked,
        boots=(Boot(restarts=3),) if supervised else (first, *(Boot(),) * (boots - 1)),
        faults=stopped,
        load=load
        or (
            *((LOAD,) if asks_users else ()),
            *((JOBS,) if sends_jobs else ()),
            *((CHATS,) if has_users else ()),
            *((READS,) if reads_writes else ()),
        ),
        sampling=SAMPLING,
        expect=expect or usual,
        max_lag_s=max_lag_s,
    )
    return resolve(plan, TOPOLOGY)


def with_app(other: App) -> Topology:
    """The topology with this app instead of the one with the same name."""
    return replace(TOPOLOGY, apps={**TOPOLOGY.apps, other.name: other})
