"""When a boot is asked often: while something is awaited of it, up to its bound, and not after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab import Severed
from chaoslab.expectations import Degrades, Expectation, Starts
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultHealing,
    FaultRequested,
    HealthTurned,
    LossNamed,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import Journal
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.topology import App, Deadlines, Service, Topology
from chaoslab.model.when import healthy, lost, spawned
from chaoslab.probes.pace import Pace

HEALTHY, DEGRADED = HealthState.HEALTHY, HealthState.DEGRADED
UNHEALTHY = HealthState.UNHEALTHY
APP = App(
    name="app",
    command=("true",),
    links=("postgres",),
    deadlines=Deadlines(startup_s=3.0, fail_fast_s=3.0, degraded_s=2.0, recovery_s=4.0),
)
TOPOLOGY = Topology(
    name="small",
    services={"postgres": Service(name="postgres", kind="postgres")},
    apps={"app": APP},
    connectors={},
)
OUT = Severed(target="app.postgres", name="out", start=spawned(10.0), stop=spawned(20.0))


class _ByHand(Journal):
    """A journal whose time changes only when the test sets it."""

    now_s = 0.0

    def now(self) -> float:
        return self.now_s


class Run:
    """A run by hand, and whether anything is awaited of the app's first boot at a time of it."""

    def __init__(self, folder: Path, *expect: Expectation, fault: Severed = OUT) -> None:
        self.journal = _ByHand(folder / "history.jsonl")
        plan = resolve(Plan(faults=(fault,), expect=expect), TOPOLOGY)
        self.pace = Pace(plan, APP, 1, self.journal)
        self.journal.append(
            Spawned(at_s=0.0, app="app", boot=1, pid=1, port=1, argv=(), env={}),
        )

    def awaits(self, at_s: float, *events: AnyEvent) -> bool:
        for event in events:
            self.journal.append(event)
        self.journal.now_s = at_s
        return self.pace.awaits()


Begin = Callable[..., Run]


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Begin]:
    """Begins runs whose journals are closed at the end."""
    with ExitStack() as journals:

        def begin(*expect: Expectation, fault: Severed = OUT) -> Run:
            run = Run(tmp_path, *expect, fault=fault)
            journals.callback(run.journal.close)
            return run

        yield begin


def complete(at_s: float, state: HealthState = HEALTHY) -> tuple[AnyEvent, ...]:
    return turned(at_s, state), StartupComplete(at_s=at_s, app="app", boot=1, state=state)


def turned(at_s: float, state: HealthState, boot: int = 1) -> HealthTurned:
    return HealthTurned(at_s=at_s, app="app", boot=boot, state=state)


def named(at_s: float, *lost: str) -> LossNamed:
    return LossNamed(at_s=at_s, app="app", boot=1, lost=lost)


def requested(at_s: float) -> FaultRequested:
    return FaultRequested(at_s=at_s, fault="out", links=("app.postgres",))


def test_a_start_up_is_awaited_to_its_bound_and_watched_for_a_second_after_its_end(
    run_of: Begin,
) -> None:
    """3 s are its own; complete at 1.0, it is seen to stay so until 2.0."""
    never = run_of()
    assert never.awaits(2.9)
    assert not never.awaits(3.1)
    run = run_of()
    assert run.awaits(0.9)
    assert run.awaits(1.9, *complete(1.0))
    assert not run.awaits(2.1)


def test_a_start_up_that_is_to_be_healthy_is_awaited_until_it_is(run_of: Begin) -> None:
    """Degraded at 0.5, it may settle within its 3 s."""
    normal = run_of(Starts(mode="normal"))
    assert normal.awaits(2.5, *complete(0.5, DEGRADED))
    assert not normal.awaits(3.1)
    assert not run_of(Starts(mode="degraded")).awaits(2.5, *complete(0.5, DEGRADED))


def test_degraded_is_awaited_until_its_bound(run_of: Begin) -> None:
    """2 s from the fault on; degraded after one of them ends it, and a second that it stays so."""
    blind = run_of()
    assert not blind.awaits(9.9, *complete(1.0))
    assert blind.awaits(11.9, requested(10.0))
    assert not blind.awaits(12.1)
    run = run_of()
    assert run.awaits(11.5, *complete(1.0), requested(10.0), turned(11.0, DEGRADED))
    assert not run.awaits(12.01)


def test_the_names_that_an_expectation_asks_for_are_awaited_too(run_of: Begin) -> None:
    """Degraded without the names that `Degrades` expects is not enough; its 6 s are used."""
    run = run_of(Degrades(naming=("postgres",), within_s=6.0))
    assert run.awaits(15.0, *complete(1.0), requested(10.0), turned(10.5, DEGRADED))
    assert run.awaits(15.3, named(15.2, "postgres"))
    assert not run.awaits(16.3)


def test_a_fault_before_the_end_of_a_start_up_counts_from_that_end(run_of: Begin) -> None:
    """Armed in the engine it is not there yet."""
    run = run_of()
    assert not run.awaits(9.0, *complete(1.0), replace(requested(8.5), armed=True))
    run = run_of()
    assert run.awaits(4.5, requested(0.1), *complete(2.8))
    assert not run.awaits(5.0)


def test_a_recovery_is_awaited_to_its_bound(run_of: Begin) -> None:
    """4 s from the heal on, and a second after health turned."""
    begun = (*complete(1.0), requested(10.0), turned(10.5, DEGRADED), named(10.5, "postgres"))
    over = (FaultHealing(at_s=20.0, fault="out", why=""), FaultHealed(at_s=20.1, fault="out"))
    never = run_of()
    assert not never.awaits(19.9, *begun)
    assert never.awaits(24.0, *over)
    assert not never.awaits(24.2)
    run = run_of()
    assert run.awaits(22.0, *begun, *over, turned(21.5, HEALTHY))
    assert not run.awaits(22.6)


def test_a_trigger_is_awaited_while_the_plan_waits_for_it(run_of: Begin) -> None:
    """The fault's begin until it is asked for, its stop from there to its heal."""
    run = run_of(fault=replace(OUT, start=healthy(), stop=lost("postgres", after_s=5.0)))
    assert run.awaits(9.0, *complete(1.0, DEGRADED))
    assert run.awaits(15.0, turned(9.0, HEALTHY), requested(9.0))
    assert not run.awaits(16.1, turned(15.0, DEGRADED), named(15.0, "postgres"))


def test_answers_of_another_boot_do_not_count(run_of: Begin) -> None:
    """Its turn gives no second."""
    run = run_of()
    assert not run.awaits(8.5, *complete(1.0), turned(8.4, UNHEALTHY, boot=2))
