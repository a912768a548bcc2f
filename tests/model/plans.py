"""A topology with two apps, and a plan with everything that a plan can have."""

from __future__ import annotations

from dataclasses import replace

from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab import expectations as expect
from chaoslab.expectations import Expectation
from chaoslab.faults import AtMessage
from chaoslab.model import when
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.requests import Found, GoodAnswer, RequestContract
from chaoslab.model.steps import HttpQuestion, Probe, Step
from chaoslab.model.topology import App, Connector, Deadlines, Service, Topology

WRITES = RequestContract(
    name="write",
    kind="write",
    method="POST",
    path="/t",
    body={},
    found=Found(service="postgres", table="t"),
)
MAIL = RequestContract(
    name="mail",
    kind="job",
    method="POST",
    path="/m/{id}",
    found=Found(service="redis", key="mailed", within_s=5.0),
)
CHATS = RequestContract(
    name="chat",
    kind="job",
    method="POST",
    path="/c/{id}?user={user}",
    found=Found(events="/events/{user}", within_s=5.0),
    users=("ann", "ben"),
)
READS = RequestContract(
    name="seen",
    kind="read",
    path="/t/{id}",
    of="write",
    good=GoodAnswer(equals={"id": "{id}"}),
)
TOPOLOGY = Topology(
    name="t",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
    },
    apps={
        "backend": App(
            name="backend",
            command=("a",),
            links=("postgres", "redis"),
            deadlines=Deadlines(startup_s=3.0, fail_fast_s=4.0, degraded_s=1.0, recovery_s=2.0),
            health=HealthContract(live_path="/live", ready_path="/ready"),
            requests={"write": WRITES, "mail": MAIL, "chat": CHATS, "seen": READS},
        ),
        "auth": App(
            name="auth",
            command=("a",),
            links=("postgres",),
            deadlines=Deadlines(startup_s=30.0, fail_fast_s=4.0, degraded_s=1.0, recovery_s=2.0),
        ),
    },
    connectors={
        "vpc": Connector(name="vpc", links=("backend.postgres", "backend.redis", "auth.postgres"))
    },
)
STOP = when.degraded(0.6)
SEVERED = Severed(target="vpc", stop=STOP)

EVERY_FAULT: tuple[Declared, ...] = (
    SEVERED,
    Severed(target="backend.redis", name="r", mode="refused", start=when.healthy(0.3), stop=STOP),
    Severed(target="redis", name="s", mode="silent", stop=when.healed("r", 1.0)),
    Slow(target="vpc", latency_s=0.1, jitter_s=0.05, streams=("upstream",), stop=STOP),
    Throttled(target="vpc", rate_kb_per_s=8, start=when.connection("backend.redis", 3), stop=STOP),
    CutMidstream(target="vpc", after_bytes=10, stream="upstream", stop=STOP),
    AtMessage(target="vpc", message="COMMIT", at="after", do="delay", delay_s=0.5, stop=STOP),
    OneWay(target="vpc", stop=STOP),
    Flapping(target="vpc", period_s=0.5, duty=0.4, mode="dropped", stop=when.started(0.5)),
    Stopped(target="redis", stop=when.lost("redis", after_s=0.2)),
    Killed(target="postgres", start=when.acknowledged(5), stop=STOP),
    Paused(target="postgres", stop=when.in_force("paused:postgres", 1.0)),
    Restarted(target="postgres"),
)
EVERY_EXPECTATION: tuple[Expectation, ...] = (
    expect.Starts(mode="degraded", startup_mode="x", rests_on=()),
    expect.FailsFast(naming=("postgres",), exit_code=4),
    expect.Degrades(naming=("postgres", "redis"), fault="r"),
    expect.Recovers(stable_s=0.7),
    expect.KeepsAcknowledged(at_least=3),
    expect.Delivers(at_least=3, within_s=4.0),
    expect.SeparatesUsers(at_least=3),
    expect.RefusesHonestly(at_least=0),
    expect.FirstRequestServed(fault="s", within_s=1.5),
    expect.StaysAvailable(healthy=False),
    expect.Serves(at_least=5),
    expect.HonestHealth(within_s=1.5),
    expect.Unavailable(within_s=1.5),
    expect.Waits(within_s=2.5),
    expect.Exits(within_s=3.5),
    expect.Unaffected(at_least=4),
    expect.ComesBack(restarts_at_most=1),
    expect.StaysLive(),
    expect.FailsLivenessWhenStuck(stuck_s=2.0),
    expect.AnswersInTime(boot=2),
    expect.ReadyWhenServing(within_s=0.5),
    expect.ReleasesConnections(spare=1),
    expect.BacksOff(herd=5),
    expect.BoundedCost(log_lines_per_s=50.0, services=("redis",)),
    expect.RegainsLatency(ratio=2.0),
    expect.AnswersRequests(within_s=1.5),
    expect.ReadsOwnWrites(request="seen"),
    expect.Stops(boot=2, within_s=5.0, exit_codes=(0, -15)),
    expect.Sampled(probe="checkout", share=0.9),
)
# Not of an app that the plan starts twice.
SUPERVISED = (expect.NoRestarts(), expect.RestartsSlowly(at_most=1, fault="s"))


def flush() -> None:
    """A step."""


def as_data(plan: Plan) -> Plan:
    """The plan as it is saved: without callables."""
    steps = tuple(step.saved() for step in plan.steps)
    return replace(plan, steps=steps, probes=tuple(probe.saved() for probe in plan.probes))


def whole() -> Plan:
    return Plan(
        name="whole",
        boots=(
            Boot(),
            Boot(at=when.healthy(0.8), env={"A": "b"}, stop=when.in_force("r", 0.1), grace_s=6.0),
        ),
        faults=EVERY_FAULT,
        load=(
            Load(start=when.healthy(), stop=when.exited(), rate_per_s=20),
            Load(start=when.healthy(), request="mail"),
            Load(start=when.healthy(), request="chat"),
            Load(start=when.ready(), request="seen"),
        ),
        sampling=Sampling(quiet_from=when.in_force("r"), quiet_until=when.acknowledged(1)),
        steps=(
            Step(at=when.healthy(), do=flush),
            Step(name="again", at=when.healed("r"), do=flush),
        ),
        probes=(
            Probe(
                name="checkout", http=HttpQuestion(app="backend", path="/pay", status=(200, 402))
            ),
            Probe(name="queue", every_s=1.0, call=len),
        ),
        expect=EVERY_EXPECTATION,
        limit_s=12.0,
    )
