"""Connections on the servers: what is left after a recovery, against what was there before."""

from __future__ import annotations

from dataclasses import replace

from chaoslab import Stopped
from chaoslab.expectations import ReleasesConnections
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    HealthSample,
    Ready,
    RunEnded,
    ServerConnections,
)
from chaoslab.model.topology import Limits
from chaoslab.model.verdict import Verdict

from .events import DEGRADED, connection, counted, ended, of, samples, spawned, without
from .histories import good, run_of, stopped_under_load
from .plans import TOPOLOGY, plan_of


def released(events: list[AnyEvent], *, spare: int = 2, **pools: int) -> Verdict:
    """Judged with a declared pool of Postgres for each app that is named."""
    e = ReleasesConnections(app="backend", spare=spare, rests_on=())
    plan = plan_of(faults=(Stopped(target="postgres"),))
    declared = {
        name: replace(app, limits=Limits(pool={"postgres": pools[name]} if name in pools else {}))
        for name, app in TOPOLOGY.apps.items()
    }
    return e.judged(run_of(events, plan, replace(TOPOLOGY, apps=declared)))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def dead(number: int) -> AnyEvent:
    """A connection that the heal of Postgres left dead, read at the end of the run."""
    return replace(
        connection("backend.postgres", 40000 + number, fault="", number=number, read_s=7.3),
        dead_s=4.0,
    )


def counts(*postgres: tuple[float, int | None]) -> list[AnyEvent]:
    """The good run in which Postgres counts otherwise from the first of these times on."""
    since_s = postgres[0][0]

    def other(event: AnyEvent) -> bool:
        late = isinstance(event, ServerConnections) and event.at_s >= since_s
        return late and getattr(event, "service", "") == "postgres"

    return [*without(stopped_under_load(), other), *(counted(*each) for each in postgres)]


def test_as_many_as_before_and_the_spare_ones_pass() -> None:
    """3 before the fault, 4 after the recovery, 2 more allowed; both servers are told."""
    verdict = released(stopped_under_load())
    assert verdict.outcome == "PASS"
    assert "postgres counts 4 connections after the recovery, 3 before the fault" in why(verdict)
    assert "redis counts 3 connections after the recovery" in why(verdict)
    assert released(stopped_under_load(), spare=0).outcome == "FAIL"


def test_connections_that_are_left_behind_fail() -> None:
    """14 to the end, where 3 and 2 more are allowed."""
    verdict = released(counts((2.5, None), (4.65, 9), (5.0, 14)))
    assert verdict.outcome == "FAIL"
    told = "postgres counts 14 connections after the recovery, 3 before the fault (2 more are"
    assert told in why(verdict)


def test_the_servers_half_of_a_dead_connection_is_no_leak_of_the_app() -> None:
    """14 to the end, of which the heal left 9 dead: 5, and the server has not ended them."""
    left = [*counts((5.0, 14)), *(dead(number) for number in range(9))]
    verdict = released(left)
    assert verdict.outcome == "PASS"
    assert "postgres: 9 connections that a heal left dead were open there" in why(verdict)
    ended = replace(dead(8), ending="upstream_closed", ending_s=4.8)
    assert released([*left[:-1], ended]).outcome == "FAIL"


def test_the_lowest_count_after_the_recovery_decides() -> None:
    """A burst that is given back is no leak, whenever it comes."""
    assert released(counts((5.0, 14), (6.0, 5), (6.5, 14))).outcome == "PASS"


def test_what_is_let_go_when_the_lab_stops_the_app_is_not_given_back() -> None:
    """All sockets end with the process, after the last answer of health."""
    assert released(counts((5.0, 14), (7.06, 0))).outcome == "FAIL"


def test_a_pool_that_may_grow_is_held_to_its_declared_size() -> None:
    """12 after, 3 before: within a declared pool of 10 and the spare 2, and beyond one of 9."""
    grown = counts((5.0, 12))
    assert [released(grown, backend=n).outcome for n in (10, 9)] == ["PASS", "FAIL"]
    assert "3 before the fault, 10 are declared as the pool" in why(released(grown, backend=10))
    assert "declare its size" not in why(released(grown, backend=9))


def test_a_failure_says_how_a_pool_that_may_grow_is_declared() -> None:
    """Nothing is declared, so that growing is what a leak looks like."""
    verdict = released(counts((5.0, 12)))
    assert verdict.outcome == "FAIL"
    assert "declare its size: pool = { postgres = N } under [apps.<name>.limits]" in why(verdict)


def test_a_declared_pool_is_no_excuse_for_another_server() -> None:
    """It is Redis that counts 12, and its pool is not declared."""
    leaky = [*stopped_under_load(), counted(5.0, 12, "redis")]
    assert released(leaky, backend=20).outcome == "FAIL"


def test_what_is_small_before_the_fault_is_no_less_with_a_smaller_pool() -> None:
    """A pool declared as smaller than what was there does not make a leak of it."""
    assert released(counts((5.0, 5)), backend=1).outcome == "PASS"


def test_a_server_of_several_apps_needs_the_pool_of_each() -> None:
    """The server counts them all: one undeclared may hold any number, one that never ran none."""
    both = [*counts((5.0, 12)), spawned(0.4, app="auth")]
    assert released(both, backend=10).outcome == "FAIL"
    assert released(both, backend=4, auth=6).outcome == "PASS"
    assert released(both, backend=4, auth=5).outcome == "FAIL"
    assert released(counts((5.0, 12)), backend=9, auth=20).outcome == "FAIL"


def test_a_level_under_the_fault_is_not_one_before_it() -> None:
    """12 while it held, and 12 after: what grew under the fault may be the leak itself."""
    under = [counted(2.46, 12), counted(4.0, 12), counted(4.65, 12), counted(5.0, 12)]
    assert released([*counts((5.0, 12)), *under]).outcome == "FAIL"


def test_a_short_burst_before_the_fault_is_no_baseline() -> None:
    """30 for a tenth of a second, a canary's or a pool's first moment."""
    burst = [counted(1.5, 30), counted(1.6, 3)]
    leaky = [*counts((5.0, 14)), *burst]
    assert released(leaky).outcome == "FAIL"
    assert released([*leaky, counted(1.55, 30), counted(1.59, 30)]).outcome == "FAIL"


def test_a_level_that_lasted_before_the_fault_is_the_baseline() -> None:
    """A pool that had grown to 12 by itself may be 14 later; it wavers above without mattering."""
    grown = [counted(1.5, 12), counted(1.6, 13), counted(1.7, 12), counted(1.9, 3)]
    assert released([*counts((5.0, 14)), *grown]).outcome == "PASS"


def test_an_app_that_started_under_the_fault_has_no_baseline() -> None:
    """What it made while nothing worked may be the leak itself."""
    e = ReleasesConnections(app="backend", spare=2)
    events = [*good(), counted(0.1, 0), counted(3.5, 2)]
    verdict = e.judged(run_of(events, plan_of()))
    assert (verdict.outcome, "no baseline" in why(verdict)) == ("UNKNOWN", True)


def test_a_server_that_nobody_counted_is_unknown() -> None:
    """Before the fault, after it, or ever; the other server's good count does not help."""

    def of_postgres(event: AnyEvent) -> bool:
        return isinstance(event, ServerConnections) and event.service == "postgres"

    nobody = without(stopped_under_load(), of_postgres)
    assert released(nobody).outcome == "UNKNOWN"
    assert released([*nobody, counted(5.0, 3)]).outcome == "UNKNOWN"
    assert released(counts((2.5, None))).outcome == "UNKNOWN"
    assert released(without(stopped_under_load(), of(ServerConnections))).outcome == "UNKNOWN"


def test_a_leak_on_one_server_fails_whatever_is_unknown_of_the_other() -> None:
    """Redis was not counted after the fault."""
    gone = counted(2.5, None, "redis")
    assert released([*counts((5.0, 14)), gone]).outcome == "FAIL"
    assert released([*stopped_under_load(), gone]).outcome == "UNKNOWN"


def test_watched_for_a_moment_only_is_unknown() -> None:
    """The run ends 0.4 s after the recovery: what recovering makes may not be over."""
    late = [e for e in counts((5.0, 14)) if not isinstance(e, HealthSample) or e.at_s < 5.6]
    assert released(late).outcome == "UNKNOWN"


def test_an_app_that_ran_out_of_connections_and_stays_ill_is_held_to_its_time() -> None:
    """Not healthy again within 2 s of the heal, and 90 connections there: that is a leak."""
    ill = [
        e
        for e in counts((4.65, 90))
        if not (isinstance(e, HealthSample) and e.at_s >= 5.0)
        and not isinstance(e, Exited | RunEnded)
    ]
    ill += [*samples(5.0, 7.6, DEGRADED, "postgres"), ended(7.7)]
    assert released(ill).outcome == "FAIL"
    short = [e for e in ill if not (isinstance(e, HealthSample) and e.at_s >= 7.0)]
    assert released(short).outcome == "UNKNOWN"


def test_without_health_a_heal_or_an_end_it_is_unknown() -> None:
    """Good or leaky."""
    for events in (stopped_under_load(), counts((5.0, 14))):
        for kind in (HealthSample, FaultHealed, RunEnded):
            assert released(without(events, of(kind, Ready))).outcome == "UNKNOWN"


def test_a_run_that_was_cut_short_does_not_pass() -> None:
    """Interrupted before everything could be judged."""
    cut = [*without(stopped_under_load(), of(RunEnded)), ended(7.2, settled=False)]
    assert released(cut).outcome == "UNKNOWN"


def test_a_plan_without_faults_is_unknown() -> None:
    """There is no before and after."""
    e = ReleasesConnections(app="backend", spare=2)
    plan = replace(plan_of(), faults=())
    assert e.judged(run_of(stopped_under_load(), plan)).outcome == "UNKNOWN"
