"""For each expectation a run that keeps it, and runs that do not."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import (
    AnswersInTime,
    AnswersRequests,
    BacksOff,
    BoundedCost,
    Degrades,
    Delivers,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    NoRestarts,
    ReadsOwnWrites,
    ReadyWhenServing,
    Recovers,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    RestartsSlowly,
    Sampled,
    SeparatesUsers,
    Serves,
    Starts,
    StaysAvailable,
    StaysLive,
    Stops,
)
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultInForce,
    HealthSample,
    ReadBack,
    Request,
    StartupComplete,
)

from .altered import (
    LOST,
    NEVER_UP,
    STORM,
    STUCK_CLAIM,
    degraded_as,
    died,
    from_heal_on,
    probes,
    recovered_by_restart,
    replaced,
    restarted_under_fault,
    restarts,
    serving,
    settling,
    stopping,
    stuck,
)
from .case import DOWN, Case
from .costing import after_heal, costing, in_fault
from .delivering import chatting, delivering
from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    answered,
    back,
    complete,
    counted,
    cross_talk,
    ended,
    exited,
    of,
    own,
    sample,
    samples,
    without,
    write,
    writes,
)
from .histories import STOPPED, good, healthy_run, served_again, stopped_under_load
from .plans import BOTH
from .policy_cases import POLICY_CASES

CASES = {
    "boot": Case(
        expect=Starts(mode="degraded"),
        keeps=good(),
        breaks=(
            NEVER_UP,
            died(1.5, NEVER_UP),
            died(2.5, good()),
            [*without(good(), of(StartupComplete)), complete(2.0, HEALTHY)],
        ),
    ),
    "boot that settles": Case(
        expect=Starts(mode="normal"),
        keeps=settling(0.3),
        breaks=(settling(2.6), settling(9.0)),
    ),
    "fails fast": Case(
        expect=FailsFast(naming=("postgres",), cause=("unreachable",)),
        keeps=died(1.5, NEVER_UP),
        breaks=(
            good(),
            [*without(died(1.5, NEVER_UP), of(Exited)), exited(1.5, code=1, asked=False)],
        ),
    ),
    "restarts": Case(
        expect=NoRestarts(),
        keeps=[*healthy_run(), exited(3.1), ended(3.2)],
        breaks=(restarts(), died(2.0, healthy_run())),
    ),
    "restart storm": Case(
        expect=RestartsSlowly(at_most=1, window_s=1.0),
        keeps=restarted_under_fault(1.5, 2.6),
        breaks=(restarted_under_fault(1.5, 2.0), restarted_under_fault(1.0, 1.2, 1.4)),
    ),
    "recovery after a restart": Case(
        expect=Recovers(proved=True, restarts_at_most=1),
        keeps=recovered_by_restart(),
        breaks=(
            without(recovered_by_restart(), lambda e: getattr(e, "state", None) is HEALTHY),
            recovered_by_restart(exit_s=3.8),
            without(recovered_by_restart(), lambda e: isinstance(e, Request)),
        ),
    ),
    "degraded": Case(
        expect=Degrades(naming=BOTH),
        keeps=[*good(), sample(2.001, HEALTHY, took_s=0.3), sample(2.98, HEALTHY, took_s=0.3)],
        breaks=(
            degraded_as(*samples(2.0, 3.4, HEALTHY)),
            degraded_as(*samples(2.0, 3.4, DEGRADED, "redis")),
            degraded_as(*samples(2.0, 2.6, DEGRADED, *BOTH), *samples(2.6, 3.4, HEALTHY)),
            degraded_as(*(replace(s, took_s=0.8) for s in samples(2.0, 3.0, UNREACHABLE))),
            died(2.8, good()),
        ),
    ),
    "degraded, one name after the other": Case(
        expect=Degrades(naming=BOTH),
        keeps=degraded_as(
            *samples(2.0, 2.6, DEGRADED, "redis"), *samples(2.6, 3.4, DEGRADED, *BOTH)
        ),
        breaks=(
            degraded_as(*samples(2.0, 2.4, DEGRADED, *BOTH), *samples(2.4, 3.4, DEGRADED, "redis")),
        ),
    ),
    "degraded to a boot's end": Case(
        expect=Degrades(naming=BOTH),
        keeps=replaced(),
        breaks=(
            replaced(*samples(2.0, 2.9, HEALTHY)),
            replaced(*samples(2.0, 2.5, DEGRADED, *BOTH), *samples(2.5, 2.9, HEALTHY)),
        ),
    ),
    "available": Case(
        expect=StaysAvailable(),
        keeps=probes(),
        breaks=([*probes(), sample(3.02, UNHEALTHY)], died(4.5, probes())),
    ),
    "available once it has settled": Case(
        expect=StaysAvailable(),
        keeps=settling(0.3),
        breaks=(settling(2.6), settling(9.0), [*settling(0.3), sample(3.02, DEGRADED)]),
    ),
    "live": Case(
        expect=StaysLive(),
        keeps=probes(took_s=0.45),
        breaks=(probes(503), probes(None, 0.5), probes(200, 0.7), died(4.5, probes())),
    ),
    "liveness of a stuck process": Case(
        expect=STUCK_CLAIM,
        keeps=stuck(),
        breaks=(stuck(live=200), stuck(until_s=7.5), without(stuck(), of(FaultHealed))),
        fault=DOWN,
    ),
    "liveness of a process that serves again": Case(
        expect=STUCK_CLAIM,
        keeps=stuck(live=200, served=70),
        breaks=(
            stuck(served=70),
            stuck(served=70, until_s=8.7),
            without(stuck(live=200, served=70), of(Request)),
        ),
        fault=DOWN,
    ),
    "prober": Case(
        expect=AnswersInTime(),
        keeps=probes(503, 0.45),
        breaks=(probes(None, 0.5), probes(200, 0.7), died(4.5, probes())),
    ),
    "ready": Case(
        expect=ReadyWhenServing(within_s=0.5),
        keeps=serving(),
        breaks=(serving(lies=True), serving(hides=True), died(6.5, serving())),
        fault=DOWN,
    ),
    "recovery": Case(
        expect=Recovers(proved=True),
        keeps=good(),
        breaks=(
            from_heal_on(*samples(3.4, 6.5, DEGRADED, "redis"), ended(6.6)),
            from_heal_on(*samples(3.4, 5.5, UNHEALTHY), *samples(5.5, 6.5, HEALTHY), ended(6.6)),
            died(3.3, good()),
            without(good(), lambda e: isinstance(e, Request)),
            [
                *without(
                    from_heal_on(*samples(3.4, 6.5, HEALTHY), ended(6.6)),
                    of(Request, ReadBack, Exited),
                ),
                exited(6.55),
                *(write(s, f"no-{s}", "failed", purpose="proof", code=503) for s in (3.5, 4.0)),
                write(5.1, "late", purpose="proof"),
                back(6.4, "late"),
            ],
        ),
    ),
    "recovery by health": Case(
        expect=Recovers(proved=False),
        keeps=without(good(), lambda e: isinstance(e, Request)),
        breaks=(
            [
                e if not isinstance(e, HealthSample) else replace(e, state=HEALTHY)
                for e in without(good(), lambda e: isinstance(e, Request))
            ],
        ),
    ),
    "kept": Case(
        expect=KeepsAcknowledged(at_least=5),
        keeps=stopped_under_load(),
        breaks=(LOST, [*LOST, back(7.05, missing=("never",))]),
        fault=DOWN,
    ),
    "delivered": Case(
        expect=Delivers(at_least=15),
        keeps=delivering(),
        breaks=(
            delivering(lost_from_s=4.7),
            delivering(late_s=1.3),
            delivering(times=2),
            delivering(until_s=5.2),
            stopped_under_load(),
        ),
        fault=DOWN,
    ),
    "users separated": Case(
        expect=SeparatesUsers(at_least=3),
        keeps=chatting(),
        breaks=(
            [*chatting(), cross_talk(2.0, "c1.2", "ann", "ben")],
            [*chatting(), cross_talk(5.6, "c5.5", "ben", "ann")],
            chatting(ben_from_s=5.85),
            chatting(until_s=5.3),
            without(chatting(), of(FaultHealed)),
        ),
        fault=DOWN,
    ),
    "refusals": Case(
        expect=RefusesHonestly(),
        keeps=stopped_under_load(),
        breaks=(
            [*stopped_under_load(), write(3.33, "rude", "indeterminate", code=500)],
            [*stopped_under_load(), write(6.95, "late", "failed", code=503)],
            without(
                stopped_under_load(), lambda e: isinstance(e, Request) and e.outcome == "failed"
            ),
        ),
        fault=DOWN,
    ),
    "first request": Case(
        expect=FirstRequestServed(fault=STOPPED),
        keeps=[
            *without(
                stopped_under_load(),
                lambda e: isinstance(e, HealthSample | Request) and 2.4 <= e.at_s < 5.5,
            ),
            write(5.0, "first"),
        ],
        breaks=(
            [
                *without(stopped_under_load(), lambda e: isinstance(e, HealthSample | Request)),
                write(5.0, "first", "failed", code=503),
            ],
        ),
        fault=DOWN,
    ),
    "serves": Case(
        expect=Serves(at_least=10),
        keeps=[*healthy_run(), *writes(1.1, 2.9), exited(3.1), ended(3.2)],
        breaks=(
            [
                *healthy_run(),
                *writes(1.1, 2.0),
                *writes(2.0, 2.9, "failed", code=500),
                exited(3.1),
                ended(3.2),
            ],
            [*healthy_run(), *writes(1.1, 1.3), exited(3.1), ended(3.2)],
        ),
    ),
    "serves after a heal": Case(
        expect=Serves(at_least=10),
        keeps=served_again(),
        breaks=(
            served_again(outcome="failed", code=503),
            stopped_under_load(),
            without(served_again(), of(FaultHealed)),
        ),
        fault=DOWN,
    ),
    "connections": Case(
        expect=ReleasesConnections(spare=2),
        keeps=stopped_under_load(),
        breaks=(
            [
                *without(
                    stopped_under_load(),
                    lambda e: e.kind == "server_connections" and e.at_s >= 4.65,
                ),
                counted(4.65, 9),
                counted(5.0, 14),
            ],
        ),
        fault=DOWN,
    ),
    "connections that are given back late": Case(
        expect=ReleasesConnections(spare=2),
        keeps=[
            *without(
                stopped_under_load(),
                lambda e: e.kind == "server_connections" and e.at_s >= 4.65,
            ),
            counted(4.65, 9),
            counted(5.0, 14),
            counted(6.4, 4),
        ],
        breaks=(),
        fault=DOWN,
    ),
    "retries": Case(
        expect=BacksOff(connects_per_s=20.0, herd=20),
        keeps=stopped_under_load(),
        breaks=([*stopped_under_load(), *STORM],),
        fault=DOWN,
    ),
    "cost": Case(
        expect=BoundedCost(),
        keeps=costing(),
        breaks=(
            in_fault(rss_mib=221.0),
            in_fault(lines=4500.0),
            after_heal(commands=9000.0),
            after_heal(cores=0.95),
        ),
        fault=DOWN,
    ),
    "stops": Case(
        expect=Stops(within_s=2.0),
        keeps=stopping(),
        breaks=(
            stopping(5.5),
            stopping(13.0, code=-9, killed_after_s=10.0),
            stopping(code=-15),
            stopping(lost=True),
        ),
    ),
    "sampled": Case(
        expect=Sampled(probe="pay", share=0.9),
        keeps=[*good(), *own(1.0, 2.0), *own(2.0, 2.2, ok=False), *own(2.2, 4.1)],
        breaks=([*good(), *own(1.0, 2.0), *own(2.0, 3.0, ok=False), *own(3.0, 4.1)],),
    ),
    "sampled after the heal": Case(
        expect=Sampled(probe="pay", within_s=0.4),
        keeps=[*good(), *own(1.0, 2.0), *own(2.0, 3.2, ok=False), *own(3.2, 4.1)],
        breaks=(
            [*good(), *own(1.0, 2.0), *own(2.0, 3.8, ok=False), *own(3.8, 4.1)],
            [*good(), *own(1.0, 3.9), *own(3.9, 4.0, ok=False), *own(4.0, 4.1)],
        ),
    ),
    "latency": Case(
        expect=RegainsLatency(),
        keeps=stopped_under_load(),
        breaks=(
            [
                replace(e, took_s=0.1)
                if isinstance(e, Request) and e.outcome == "ok" and e.at_s > 4.0
                else e
                for e in stopped_under_load()
            ],
        ),
        fault=DOWN,
    ),
    "requests answered": Case(
        expect=AnswersRequests(),
        keeps=[*stopped_under_load(), write(3.01, "slow", "failed", code=503, took_s=2.5)],
        breaks=(
            [*stopped_under_load(), write(3.01, "hung", "indeterminate", code=None, took_s=2.0)],
            [*stopped_under_load(), *writes(3.0, 3.2, took_s=2.5)],
            without(stopped_under_load(), lambda e: isinstance(e, Request) and e.at_s < 4.3),
            without(stopped_under_load(), of(FaultInForce)),
        ),
        fault=DOWN,
    ),
    "own content": Case(
        expect=ReadsOwnWrites(),
        keeps=[
            *stopped_under_load(),
            *answered(5.0, 6.9),
            *answered(2.4, 5.0, "failed", code=503),
            *answered(3.0, 3.2, "failed", code=404),
        ],
        breaks=(
            [*stopped_under_load(), *answered(5.0, 6.9), *answered(3.5, 3.6, other="w1.15")],
            [*stopped_under_load(), *answered(5.0, 6.9), *answered(5.2, 5.3, "wrong")],
            [*served_again(), *answered(5.0, 9.0), *answered(9.1, 9.2, "failed", code=404)],
            [*stopped_under_load(), *answered(1.1, 2.4)],
            without([*stopped_under_load(), *answered(5.0, 6.9)], of(FaultHealed)),
        ),
        fault=DOWN,
    ),
    **POLICY_CASES,
}
