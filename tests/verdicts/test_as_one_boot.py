"""Claims about an app whose supervisor restarts it: over its boots, and not about one process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Stopped
from chaoslab.evidence.as_one_boot import as_one_boot
from chaoslab.expectations import (
    AnswersRequests,
    Degrades,
    Recovers,
    ReleasesConnections,
    RestartsSlowly,
    Serves,
    StaysLive,
)
from chaoslab.history.events import (
    AnyEvent,
    BootEvent,
    Exited,
    HealthSample,
    RunEnded,
    SupervisorStops,
)
from chaoslab.model.verdict import Verdict

from .altered import probes, recovered_by_restart, restarted_under_fault
from .events import (
    DEGRADED,
    HEALTHY,
    UNREACHABLE,
    complete,
    counted,
    ended,
    exited,
    of,
    probed,
    ready,
    samples,
    spawned,
    without,
    writes,
)
from .histories import good, healthy_run, history_of, judged, run_of, stopped_under_load
from .plans import BOTH, plan_of
from .reading import codes, data


def recovers(events: list[AnyEvent], restarts_at_most: int | None = None) -> Verdict:
    return judged(events, Recovers(proved=True, restarts_at_most=restarts_at_most))[0]


def test_an_app_that_serves_after_a_restart_has_recovered_by_it() -> None:
    """The text says so, with the number of restarts."""
    for restarts in (1, 2, None):
        verdict = recovers(recovered_by_restart(), restarts)
        assert verdict.outcome == "PASS", verdict.texts
        said = "its supervisor restarted it once before the heal and 0 times after it"
        assert said in verdict.texts
    claim = recovers(recovered_by_restart(), 1).claim
    assert "after at most 1 restarts by its supervisor after the heal" in claim


def test_without_accepted_restarts_the_process_must_be_the_same() -> None:
    """The reasons say that a restart came."""
    verdict = recovers(recovered_by_restart(), 0)
    assert verdict.outcome == "FAIL"
    assert {"app.exited", "recovery.restarted"} <= {*codes(verdict)}


def test_a_restart_alone_is_no_recovery() -> None:
    """The process that the supervisor started must be healthy, and stay."""
    silent = [
        replace(s, state=UNREACHABLE, status_code=None)
        if isinstance(s, HealthSample) and s.boot == 2
        else s
        for s in recovered_by_restart()
    ]
    longer = [*without(silent, of(Exited, RunEnded)), *samples(4.1, 9.0, UNREACHABLE, boot=2)]
    assert recovers([*longer, exited(9.1, boot=2), ended(9.2)]).outcome == "FAIL"


def test_a_process_that_exits_again_has_not_recovered() -> None:
    """However healthy it was: UNKNOWN while a restart is to come, FAIL after the last."""
    assert recovers(recovered_by_restart(exit_s=3.95)).outcome == "UNKNOWN"
    last = Recovers(app="backend", proved=True, within_s=2.0, stable_s=0.4, restarts_at_most=None)
    no_more = replace(plan_of(last), boots=())
    verdict = last.judged(run_of(recovered_by_restart(exit_s=3.95), no_more))
    assert (verdict.outcome, codes(verdict)[0]) == ("FAIL", "app.exited")


def later(spawned_s: float, exit_s: float) -> list[AnyEvent]:
    """The run of `recovered_by_restart`, and its second process exits too, and is restarted."""
    events = without(recovered_by_restart(), lambda e: isinstance(e, Exited) and e.boot == 2)
    third = [
        replace(e, boot=3) if getattr(e, "boot", 0) == 2 and e.at_s > spawned_s else e
        for e in events
    ]
    gone = exited(exit_s, code=3, asked=False, boot=2)
    return [*third, gone, replace(spawned(spawned_s, 3), restart=True), exited(4.2, boot=3)]


def test_restarts_after_the_heal_count() -> None:
    """Those before it do not: the outage may have lasted for long."""
    assert recovers(later(2.9, 2.8), 1).outcome == "PASS"
    assert recovers(later(3.2, 3.1), 1).outcome == "PASS"
    more = [
        replace(e, boot=4) if getattr(e, "boot", 0) == 3 and e.at_s > 3.3 else e
        for e in later(3.2, 3.1)
    ]
    more += [exited(3.25, code=3, asked=False, boot=3), replace(spawned(3.3, 4), restart=True)]
    verdict = recovers(more, 1)
    assert "recovery.restarted_too_often" in codes(verdict)
    assert verdict.outcome == "FAIL"
    assert data(verdict, "recovery.restarted") == {"under": 1, "after": 2}


def users(*served: list[AnyEvent]) -> list[AnyEvent]:
    """An app that serves its users from 1.1 on, crashes at 2.0 and is restarted at 2.1."""
    return [
        *healthy_run(2.0),
        exited(2.0, code=3, asked=False),
        replace(spawned(2.1, 2), restart=True),
        *samples(2.1, 2.5, UNREACHABLE, boot=2),
        complete(2.5, HEALTHY, boot=2),
        replace(ready(2.5), boot=2),
        *samples(2.5, 4.0, HEALTHY, boot=2),
        *writes(1.1, 1.95),
        *(event for part in served for event in part),
        exited(4.1, boot=2),
        ended(4.2),
    ]


def serves(events: list[AnyEvent]) -> str:
    return judged(events, Serves(at_least=10, rests_on=()), faults=())[0].outcome


def test_users_are_served_by_every_boot() -> None:
    """A crash that no user noticed is no failure; a write that failed is one, in any boot."""
    well = [*writes(2.6, 3.9)]
    assert serves(users(well)) == "PASS"
    assert serves(users([*writes(2.0, 2.5, "failed", code=None)], well)) == "FAIL"
    assert serves(users([*writes(3.0, 3.9, "failed", code=500)])) == "FAIL"


def test_an_app_that_stays_down_does_not_serve() -> None:
    """Its users ask it until the run ends, although its process has ended."""
    down = [
        *healthy_run(2.0),
        *writes(1.1, 1.95),
        exited(2.0, code=3, asked=False),
        *writes(2.1, 4.0, "failed", code=None),
        ended(4.2),
    ]
    assert serves(down) == "FAIL"


def test_a_request_that_hangs_in_a_later_boot_counts() -> None:
    """The fault is in force over both boots."""
    events = without(recovered_by_restart(), lambda e: e.kind == "request")
    calm = [*events, *writes(1.0, 2.5, "failed", code=503)]
    e = AnswersRequests(within_s=1.0)
    assert judged(calm, e)[0].outcome == "PASS"
    hangs = writes(2.7, 2.9, "indeterminate", took_s=1.2, code=None)
    assert judged([*calm, *hangs], e)[0].outcome == "FAIL"


def test_the_boot_that_runs_at_the_fault_must_degrade() -> None:
    """A crash before the fault is not about the fault. One under it is."""
    shifted = [
        replace(e, boot=2) if getattr(e, "boot", 0) == 1 else e
        for e in without(good(), lambda e: e.kind == "spawned")
    ]
    early = [
        spawned(0.05),
        exited(0.1, code=3, asked=False),
        replace(spawned(0.15, 2), restart=True),
    ]
    verdict = judged([*shifted, *early], Degrades(naming=BOTH))[0]
    assert verdict.outcome == "PASS", verdict.texts
    under = [*without(good(), of(Exited)), exited(2.6, code=3, asked=False)]
    again = [replace(spawned(2.7, 2), restart=True), *samples(2.7, 3.0, DEGRADED, *BOTH, boot=2)]
    verdict = judged([*under, *again], Degrades(naming=BOTH))[0]
    assert (verdict.outcome, codes(verdict)[0]) == ("FAIL", "app.exited")


def test_liveness_that_made_the_supervisor_stop_the_app_has_failed() -> None:
    """All three misses count, also the one shortly before the exit."""
    alive = without(probes(), lambda e: e.at_s >= 2.0)
    misses = [replace(p, took_s=0.5, error="ReadTimeout") for p in probed("live", 2.0, 2.1, None)]
    misses += [replace(p, at_s=p.at_s + 0.6 * n) for n in (1, 2) for p in misses]
    stop = SupervisorStops(at_s=3.75, app="backend", boot=1, why="not_live", grace_s=1.0)
    gone = replace(exited(3.8, code=-15, asked=False), supervisor="not_live")
    verdict = judged([*alive, *misses, stop, gone, ended(4.0)], StaysLive(rests_on=()), faults=())
    assert verdict[0].outcome == "FAIL", verdict[0].texts


def test_a_restart_storm_is_counted_only_under_its_fault() -> None:
    """Restarts after the heal are no part of the claim, and a run that is cut short is UNKNOWN."""
    e = RestartsSlowly(app="backend", fault="severed:vpc", at_most=1, window_s=1.0)

    def outcome(events: list[AnyEvent]) -> str:
        return e.judged(run_of(events, plan_of(e))).outcome

    assert outcome(restarted_under_fault(1.0, 2.5)) == "PASS"
    assert outcome(restarted_under_fault(1.0, 1.9)) == "FAIL"
    assert outcome(restarted_under_fault(1.0, 3.2, 3.4, 3.6)) == "PASS"
    cut = without(restarted_under_fault(1.0, 2.5), of(RunEnded))
    assert outcome([*cut, ended(4.25, settled=False)]) == "UNKNOWN"


def of_two_boots(at_s: float) -> list[AnyEvent]:
    """The good run under load, whose process exits and is restarted at that time."""
    events = [
        replace(e, boot=2) if isinstance(e, BootEvent) and e.at_s > at_s else e
        for e in stopped_under_load()
    ]
    gone = exited(at_s, code=3, asked=False)
    return [*events, gone, replace(spawned(at_s, 2), restart=True)]


def test_connections_are_counted_after_the_recovery_of_a_later_boot() -> None:
    """The server counts those of every process."""
    down = Stopped(target="postgres")
    events = of_two_boots(3.0)
    e = ReleasesConnections(spare=2, rests_on=())
    assert judged(events, e, faults=(down,))[0].outcome == "PASS"
    leak = without(events, lambda x: x.kind == "server_connections" and x.at_s >= 4.65)
    leak += [counted(4.65, 9), counted(5.0, 14)]
    assert judged(leak, e, faults=(down,))[0].outcome == "FAIL"


@pytest.mark.parametrize("to_the_end", [True, False])
def test_a_run_without_a_restart_is_seen_as_it_was(to_the_end: bool) -> None:
    """Also one with boots of the plan, of which each is one of its own."""
    second = [replace(spawned(4.5, 2), restart=False), exited(5.0, code=3, asked=False, boot=2)]
    for events in (good(), [*good(), *second]):
        history = history_of(events)
        assert as_one_boot("backend", 1, history, to_the_end=to_the_end) == history


def test_the_exit_before_a_boot_of_the_plan_stays() -> None:
    """What comes after it is another boot's."""
    gone = exited(4.2, code=3, asked=False)
    events = [*without(good(), of(Exited)), gone, spawned(4.5, 2)]
    assert gone in as_one_boot("backend", 1, history_of(events), to_the_end=True).events
    alone = as_one_boot("backend", 1, history_of(events[:-1]), to_the_end=True)
    assert gone not in alone.events
