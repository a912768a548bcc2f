"""Claims about an app with further processes, such as a worker, that end and are restarted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.evidence.first_change import first_change
from chaoslab.evidence.supervision import Life, wait_after
from chaoslab.expectations import ComesBack, Expectation, Stops, Unaffected
from chaoslab.expectations.base import Run
from chaoslab.history.events import AnyEvent, ProcessExited, ProcessSpawned, RunEnded
from chaoslab.model.plan import Plan
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.judge import judge

from .altered import stopping
from .case import DOWN
from .events import of, without
from .histories import history_of, stopped_under_load
from .plans import TOPOLOGY, plan_of
from .policy_cases import unchanged

HEALED_S = 4.6  # in `stopped_under_load`; the fault is in force from 2.45 on
CLAIM = ComesBack(app="backend", within_s=2.0)
BACKEND = TOPOLOGY.apps["backend"]
SHOP: Topology = replace(
    TOPOLOGY,
    apps={
        **TOPOLOGY.apps,
        "backend": replace(
            BACKEND,
            processes={"worker": ("work",)},
            deadlines=replace(BACKEND.deadlines, stable_s=1.0),
        ),
    },
)


def starts(at_s: float, start: int = 1) -> ProcessSpawned:
    return ProcessSpawned(
        at_s=at_s, app="backend", process="worker", start=start, pid=7, argv=(), restart=start > 1
    )


def exits(
    at_s: float,
    start: int = 1,
    *,
    asked: bool = False,
    wait_s: float | None = None,
    killed_after_s: float | None = None,
) -> ProcessExited:
    return ProcessExited(
        at_s=at_s,
        app="backend",
        process="worker",
        start=start,
        exit_code=3,
        asked=asked,
        log_tail=("gone",),
        wait_s=wait_s,
        killed_after_s=killed_after_s,
    )


def verdict(
    events: list[AnyEvent], *lives: AnyEvent, claim: Expectation = CLAIM, faults: tuple = (DOWN,)
) -> Verdict:
    plan: Plan = plan_of(claim, faults=faults)
    return judge(SHOP, plan, history_of([*events, *lives]))[0]


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.because]


def test_a_worker_that_nothing_restarts_has_not_come_back() -> None:
    """Health and requests are as before; that would be a false PASS."""
    found = verdict(stopped_under_load(), starts(1.0), exits(3.0))
    assert found.outcome == "FAIL"
    assert codes(found)[:2] == ["back.process_down", "process.exited"]
    assert "and worker runs within 2 s" in found.claim


def test_a_worker_that_runs_is_no_reason() -> None:
    """It never ended, or the lab stopped it at the end."""
    never = verdict(stopped_under_load(), starts(1.0), exits(7.1, asked=True))
    assert never.outcome == "PASS"
    assert not [code for code in codes(never) if "process" in code]


def test_a_worker_that_had_ended_before_the_fault_is_as_before() -> None:
    """The fault began at 2.4 s."""
    assert verdict(stopped_under_load(), starts(1.0), exits(2.0)).outcome == "PASS"


def test_a_worker_that_is_restarted_and_stays_is_back() -> None:
    """It was started again 0.4 s after the heal, and runs for the second that it has to."""
    found = verdict(stopped_under_load(), starts(1.0), exits(3.0, wait_s=2.0), starts(5.0, 2))
    assert found.outcome == "PASS"
    (runs,) = [r for r in found.because if r.code == "back.process_runs"]
    assert dict(runs.data) == {
        "process": "worker",
        "after_s": pytest.approx(0.4),
        "restarts": 1,
    }


def test_a_worker_that_ends_after_each_restart_fails() -> None:
    """Its supervisor would start it once more."""
    lives = [starts(1.0), exits(3.0, wait_s=0.1), starts(3.1, 2), exits(6.7, 2, wait_s=0.2)]
    found = verdict(stopped_under_load(), *lives)
    assert found.outcome == "FAIL"
    assert "back.process_restarts" in codes(found)


def test_a_worker_that_was_restarted_just_now_is_not_known() -> None:
    """It has run for half of the time that it has to."""
    late = verdict(stopped_under_load(), starts(1.0), exits(3.0, wait_s=3.5), starts(6.6, 2))
    assert late.outcome == "UNKNOWN"
    assert codes(late)[0] == "back.process_short"


def test_more_restarts_of_a_worker_than_allowed_fail() -> None:
    """Two after the heal, and the claim allows one."""
    lives = [starts(1.0), exits(4.7, wait_s=0.1), starts(4.8, 2), exits(4.9, 2, wait_s=0.2)]
    claim = replace(CLAIM, restarts_at_most=1)
    found = verdict(stopped_under_load(), *lives, starts(5.1, 3), claim=claim)
    assert found.outcome == "FAIL"
    assert "back.process_too_many" in codes(found)


def test_the_run_waits_for_a_restarted_worker() -> None:
    """Until it has run for long enough, or until the bound if it is still down."""
    events = without(stopped_under_load(), of(RunEnded))

    def waits(now_s: float, *lives: AnyEvent) -> bool:
        plan = plan_of(CLAIM, faults=(DOWN,))
        found = CLAIM.waits_for(
            Run(topology=SHOP, plan=plan, history=history_of([*events, *lives])), now_s
        )
        return "worker" in (found or "")

    down = (starts(1.0), exits(3.0, wait_s=9.0))
    assert waits(HEALED_S + 1.9, *down)
    assert not waits(HEALED_S + 2.1, *down)
    assert not waits(HEALED_S + 0.5, starts(1.0), exits(3.0))
    assert waits(6.9, *down, starts(6.0, 2))
    assert not waits(7.1, *down, starts(6.0, 2))


def test_a_worker_that_does_not_stop_in_time_fails_stops() -> None:
    """The app itself ended in time, with 0."""
    claim, events = Stops(within_s=2.0), stopping(3.5)
    asked_s = 3.0
    good = verdict(events, starts(1.0), exits(asked_s + 1.0, asked=True), claim=claim, faults=())
    assert good.outcome == "PASS"
    assert good.claim.startswith("boot 1 of backend and worker end within 2 s")
    late = verdict(events, starts(1.0), exits(asked_s + 2.5, asked=True), claim=claim, faults=())
    assert (late.outcome, codes(late)[0]) == ("FAIL", "stop.process_late")
    killed = exits(asked_s + 10, asked=True, killed_after_s=10.0)
    found = verdict(events, starts(1.0), killed, claim=claim, faults=())
    assert (found.outcome, codes(found)[0]) == ("FAIL", "process.killed")


def test_an_app_whose_worker_exits_is_not_unaffected() -> None:
    """Nothing else changes."""
    claim = Unaffected(app="backend", fault=DOWN.label)
    assert verdict(unchanged(), starts(1.0), claim=claim).outcome == "PASS"
    found = verdict(unchanged(), starts(1.0), exits(3.0), claim=claim)
    assert (found.outcome, codes(found)[0]) == ("FAIL", "process.exited")


def test_the_exit_of_a_worker_is_a_change_that_was_observed() -> None:
    """It may be the only one; what the lab stopped is none."""
    events = [starts(1.0), exits(3.0)]
    change = first_change(history_of(events), "backend", 2.5)
    assert change is not None
    assert change.code == "process.exited"
    assert first_change(history_of([starts(1.0), exits(3.0, asked=True)]), "backend", 2.5) is None


def test_each_process_has_its_own_row_of_restarts() -> None:
    """The wait grows with each restart in a row, and ends with the limit."""
    by = Supervisor(at_most=2, backoff_s=0.2, backoff_factor=3, reset_after_s=5)
    first, again = Life(restart=False, ran_s=0.1), Life(restart=True, ran_s=0.1)
    assert wait_after([first], 1, by) == pytest.approx(0.2)
    assert wait_after([first, again], 1, by) == pytest.approx(0.6)
    assert wait_after([first, replace(again, ran_s=5.0)], 1, by) == pytest.approx(0.2)
    assert wait_after([first, again, again], 1, by) is None
    assert wait_after([first], 0, replace(by, restart="on_failure")) is None
