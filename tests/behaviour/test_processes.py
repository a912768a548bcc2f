"""What is described of an app's further processes, such as its worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rigs.cell_histories import (
    AT_BOOT_S,
    all_well,
    cell,
    end,
    fault,
    refused,
    stop,
    topology,
    up,
)

from chaoslab.behaviour.described import Behaviour, described
from chaoslab.behaviour.steady import problem_of
from chaoslab.history.events import AnyEvent, ProcessExited, ProcessSpawned
from chaoslab.history.journal import History
from chaoslab.matrix.observed_policy import policy_of
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell
from chaoslab.model.plan import resolve

WEB = replace(topology().apps["web"], processes={"worker": ("work",)})
SHOP = replace(topology(), apps={"web": WEB})
RUNNING, STEADY = cell(), cell("none")
WELL = [*up(), *all_well(1.6, 10.0), *fault(), *refused(), *end()]


def starts(at_s: float, start: int = 1) -> ProcessSpawned:
    return ProcessSpawned(
        at_s=at_s, app="web", process="worker", start=start, pid=7, argv=(), restart=start > 1
    )


def exits(at_s: float, start: int = 1, *, code: int = 1, asked: bool = False) -> ProcessExited:
    return ProcessExited(
        at_s=at_s,
        app="web",
        process="worker",
        start=start,
        exit_code=code,
        asked=asked,
        log_tail=("OperationalError: gone",),
    )


def seen(of: Cell, *events: Iterable[AnyEvent]) -> Behaviour:
    every = [event for group in events for event in group]
    history = History(tuple(sorted(every, key=lambda e: e.at_s)))
    return described(of, SHOP, resolve(plan_of(of, SHOP), SHOP), history)


def test_a_worker_that_stays_down_is_in_the_line_of_a_healthy_app() -> None:
    """Every answer is as before, and the line does not say that nothing changed."""
    found = seen(RUNNING, WELL, [starts(0.5), exits(3.5)])
    worker = 'process worker exits 1 0.5 s into the fault ("OperationalError: gone"), NOT restarted'
    assert found.sentence.endswith(worker)
    assert "unaffected" not in found.sentence
    assert policy_of(found.facts, at_boot=False) is None


def test_a_worker_that_is_restarted_has_the_time_from_the_heal() -> None:
    """It ended three times; the last start came after the heal at 6 s."""
    lives = [starts(0.5), exits(3.5), starts(3.6, 2), exits(4.0, 2, code=-9), starts(4.1, 3)]
    again = [exits(5.9, 3), starts(6.4, 4), exits(10.0, 4, asked=True, code=-15)]
    text = seen(RUNNING, WELL, lives, again).sentence
    assert "process worker exits 1 and SIGKILL 0.5 s into the fault" in text
    assert text.endswith("3 times in all, restarted 3 times, runs 0.4 s after the heal")


def test_a_worker_that_ends_after_each_restart_does_not_run() -> None:
    """The supervisor waits for the next restart when the watch ends."""
    text = seen(RUNNING, WELL, [starts(0.5), exits(3.5), starts(3.6, 2), exits(7.0, 2)]).sentence
    assert text.endswith("twice in all, restarted once, NOT running at the end")


def test_a_worker_at_boot_is_dated_from_the_fault_too() -> None:
    """The fault was in force at 0.2 s, before the spawn."""
    events = [*up(), *all_well(1.6, 10.0), *fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S), *end()]
    text = seen(cell(moment="boot"), events, [starts(0.6), exits(1.2), starts(1.3, 2)]).sentence
    assert text.endswith('1.0 s into the fault ("OperationalError: gone"), restarted once, runs')


def test_an_end_before_the_fault_is_not_put_down_to_it() -> None:
    """The worker ended a second before the fault began."""
    text = seen(RUNNING, WELL, [starts(0.5), exits(2.0), starts(2.1, 2)]).sentence
    assert "process" not in text


def test_a_worker_is_stopped_with_the_app() -> None:
    """Each process has its own time."""
    events = [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(14.0)]
    text = seen(STEADY, events, [starts(0.5), exits(3.9, code=0, asked=True)]).sentence
    assert text.endswith(
        "stops 0.2 s after SIGTERM (exit code 0), "
        "process worker stops 0.4 s after SIGTERM (exit code 0)"
    )
    killed = replace(exits(13.5, code=-9, asked=True), killed_after_s=10.0)
    text = seen(STEADY, events, [starts(0.5), killed]).sentence
    assert text.endswith("process worker does NOT stop: still runs 10 s after SIGTERM")


def test_a_worker_that_ends_in_the_steady_state_is_a_problem() -> None:
    """The app itself is healthy; the problem has the worker's own log."""
    events = [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(4.0), starts(0.5), exits(0.9)]
    found = seen(STEADY, events)
    problem = problem_of(found, WEB, History(tuple(events)))
    assert problem is not None
    (why,) = problem.because
    assert str(why).startswith("process 'worker' of web ended at 0.900 s with 1; log: Operational")
    assert problem.log == ("OperationalError: gone",)
    assert "belongs in prepare" in problem.fix
