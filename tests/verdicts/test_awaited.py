"""What a run waits for from users and servers, and when it stops waiting."""

from __future__ import annotations

from dataclasses import replace

from chaoslab import Stopped
from chaoslab.expectations import (
    BacksOff,
    Expectation,
    RegainsLatency,
    ReleasesConnections,
    Serves,
)
from chaoslab.history.events import AnyEvent, HealthTurned, Ready, Request
from chaoslab.model.faults import Declared
from chaoslab.model.load import Load
from chaoslab.model.when import AtMoment
from chaoslab.verdicts.settled import unsettled

from .events import DEGRADED, HEALTHY, exited, samples, writes, written_s
from .histories import healthy_run, history_of, served_again, stopped_under_load
from .plans import LOAD, TOPOLOGY, plan_of

DOWN = Stopped(target="postgres")


def waits(
    events: list[AnyEvent],
    at_s: float,
    e: Expectation,
    *faults: Declared,
    end: bool = False,
    load: Load = LOAD,
) -> str | None:
    """What the run waits for at `now_s`, with the events recorded by then."""
    last = () if end else ("exited", "run_ended")
    turned = HealthTurned(at_s=1.0, app="backend", boot=1, state=HEALTHY)
    known = [x for x in (turned, *events) if written_s(x) <= at_s and x.kind not in last]
    plan = plan_of(e, faults=faults, load=(load,))
    return unsettled(plan, history_of(known), at_s, TOPOLOGY)


def test_serving_is_settled_with_the_writes_that_count() -> None:
    """Ten writes away from faults are enough. A run with a fault also waits for its heal."""
    steady = [*healthy_run(4.0), *writes(1.1, 3.0)]
    assert waits(steady, 1.3, Serves()) == "6 more acknowledged writes"
    assert waits(steady, 1.7, Serves()) is None
    assert waits(stopped_under_load(), 4.0, Serves(), DOWN) == "the heal of stopped:postgres"


def test_serving_is_not_waited_for_without_end() -> None:
    """All writes are refused, or readiness never answers 2xx: the run waits 2 s after the load
    began.
    """
    refused = [*healthy_run(6.0), *writes(1.1, 6.0, "indeterminate", code=500)]
    assert waits(refused, 2.0, Serves()) == "10 more acknowledged writes"
    assert waits(refused, 6.0, Serves()) is None
    unanswered = [e for e in healthy_run(9.0) if not isinstance(e, Ready)]
    assert waits([*unanswered, *writes(1.1, 9.0)], 9.0, Serves()) is None


def test_serving_waits_for_the_writes_after_a_fault_where_few_came_before() -> None:
    """Only writes from 2 s after the heal at 4.6 on count."""
    late = [e for e in stopped_under_load() if not isinstance(e, Request) or e.at_s > 2.2]
    late += [*writes(6.9, 9.0)]
    assert waits(late, 6.7, Serves(at_least=20), DOWN) == "16 more acknowledged writes"
    counts = "writes after the last heal (19 of 50)"
    assert waits(late, 7.6, Serves(at_least=20), DOWN) == counts
    assert waits(late, 7.6, Serves(at_least=20, after_heal=15), DOWN) is None


def test_serving_waits_for_writes_after_the_last_heal_whatever_comes_of_them() -> None:
    """Writes before the fault do not count. Refused writes after the heal do."""
    run = served_again(9.4, "failed", 503)
    assert waits(run, 6.5, Serves(), DOWN) == "writes after the last heal (0 of 50)"
    assert waits(run, 9.0, Serves(), DOWN) == "writes after the last heal (47 of 50)"
    assert waits(run, 9.3, Serves(), DOWN) is None


def test_serving_waits_for_fresh_connections() -> None:
    """Fifty writes on kept connections may reach only one worker. After 2 s without a new one it
    ends.
    """
    run = [replace(e, fresh=False) if isinstance(e, Request) else e for e in served_again()]
    assert waits(run, 9.38, Serves(), DOWN) == "writes after the last heal (55 of 50)"
    assert waits(run, 11.5, Serves(), DOWN) is None


def test_serving_does_not_wait_for_a_load_that_has_stopped() -> None:
    """No write will be sent after the heal at 4.6."""
    gone = [e for e in served_again() if not isinstance(e, Request) or e.at_s < 2.0]
    stop = AtMoment(moment="acknowledged", nth=10)
    load = replace(LOAD, stop=stop)
    assert waits(gone, 5.0, Serves(), DOWN) == "writes after the last heal (0 of 50)"
    assert waits(gone, 5.0, Serves(), DOWN, load=load) is None


def test_a_slow_load_is_waited_for_twice_as_long_as_it_pauses() -> None:
    """With one write in four seconds the run waits longer than 2 s."""
    run = [*healthy_run(9.0), *writes(1.1, 1.15)]
    load = replace(LOAD, rate_per_s=0.25)
    assert waits(run, 9.0, Serves(), load=load) == "9 more acknowledged writes"
    assert waits(run, 9.2, Serves(), load=load) is None


def test_latency_is_settled_with_enough_writes_after_the_recovery() -> None:
    """Recovered at 5.01, twenty more writes by 6.1."""
    run, e = stopped_under_load(), RegainsLatency()
    assert waits(run, 4.9, e, DOWN) == "the recovery of backend"
    assert waits(run, 5.5, e, DOWN) == "11 more acknowledged writes"
    assert waits(run, 6.2, e, DOWN) is None


def test_latency_is_not_waited_for_in_vain() -> None:
    """There is no baseline, no recovery within 2 s, or no write for 2 s."""
    run, e = stopped_under_load(), RegainsLatency()
    assert waits([x for x in run if x.at_s > 2.5 or x.kind != "request"], 4.9, e, DOWN) is None
    ill = [x for x in run if x.kind != "health_sample" or x.at_s < 5.0]
    ill += samples(5.0, 9.0, DEGRADED, "postgres")
    assert waits(ill, 6.7, e, DOWN) == "the recovery of backend"
    assert waits(ill, 6.9, e, DOWN) is None
    dry = [x for x in run if not isinstance(x, Request) or x.at_s < 5.3]
    assert waits(dry, 7.0, e, DOWN) == "15 more acknowledged writes"
    assert waits(dry, 7.4, e, DOWN) is None


def test_connections_are_looked_at_for_a_while_after_the_recovery() -> None:
    """Healthy from 5.01. The count is taken 0.3 s later, for three quarters of a second."""
    run, e = stopped_under_load(), ReleasesConnections()
    assert waits(run, 6.0, e, DOWN) == "backend to close connections"
    assert waits(run, 6.1, e, DOWN) is None


def test_a_herd_is_waited_for_until_all_have_come_back() -> None:
    """One second after health was good, or three seconds after the heal."""
    run, e = stopped_under_load(), BacksOff()
    assert waits(run, 6.2, e, DOWN) == "connects of backend after the heal"
    assert waits(run, 6.3, e, DOWN) is None
    ill = [x for x in run if x.kind != "health_sample" or x.at_s < 5.0]
    ill += samples(5.0, 9.0, DEGRADED, "postgres")
    assert waits(ill, 7.8, e, DOWN) == "connects of backend after the heal"
    assert waits(ill, 7.9, e, DOWN) is None


def test_nothing_is_waited_for_from_an_app_that_ended_by_itself() -> None:
    """Whatever is still missing."""
    crashed = [*stopped_under_load(), exited(4.7, code=1, asked=False)]
    for e in (Serves(at_least=99), RegainsLatency(), ReleasesConnections(), BacksOff()):
        assert waits(crashed, 4.8, e, DOWN, end=True) is None
