"""What a supervisor does by the records of a run: it restarts an app, or stops it."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.evidence.supervision import restart_wait_s, stop_due
from chaoslab.history.events import AnyEvent, Bound, RestartDecided, Spawned
from chaoslab.model.health import HealthContract
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App

from .events import exited, probed, spawned
from .histories import history_of

APP = App(name="backend", command=("a",), health=HealthContract(live_path="/live"))
LIVENESS = Supervisor(liveness=True, startup_probe_s=20)


def again(at_s: float, boot: int) -> Spawned:
    return replace(spawned(at_s, boot), restart=True)


def gone(at_s: float, boot: int, code: int = 3) -> AnyEvent:
    return exited(at_s, code=code, asked=False, boot=boot)


def waits(supervisor: Supervisor, *events: AnyEvent) -> float | None:
    return restart_wait_s("backend", supervisor, history_of(events))


def test_each_restart_in_a_row_waits_longer() -> None:
    """The first exit waits the least."""
    events: list[AnyEvent] = [spawned(0.0), gone(1.0, 1)]
    assert waits(Supervisor(), *events) == 0.1
    events += [again(1.1, 2), gone(2.0, 2)]
    assert waits(Supervisor(), *events) == 0.2
    events += [again(2.2, 3), gone(3.0, 3)]
    assert waits(Supervisor(), *events) == 0.4


def test_a_boot_that_ran_for_long_begins_a_new_row() -> None:
    """One that ran a little less does not."""
    row = [spawned(0.0), gone(1.0, 1), again(1.1, 2), gone(2.0, 2), again(2.2, 3)]
    assert waits(Supervisor(), *row, gone(12.2, 3)) == 0.1
    assert waits(Supervisor(), *row, gone(12.1, 3)) == 0.4
    after = [gone(12.2, 3), again(12.3, 4), gone(12.5, 4)]
    assert waits(Supervisor(), *row, *after) == 0.2


def test_there_is_no_restart_of_an_app_that_runs_or_was_stopped() -> None:
    """Nor of one that was never spawned."""
    assert waits(Supervisor()) is None
    assert waits(Supervisor(), spawned(0.0)) is None
    assert waits(Supervisor(), spawned(0.0), exited(1.0)) is None
    assert waits(Supervisor(), spawned(0.0), gone(1.0, 1), again(1.1, 2)) is None


def test_a_limit_and_a_policy_end_the_restarts() -> None:
    """An exit with 0 is no failure, unless the supervisor had stopped the process."""
    twice = [spawned(0.0), gone(1.0, 1), again(1.1, 2), gone(2.0, 2)]
    assert waits(Supervisor(at_most=2), *twice) == 0.2
    assert waits(Supervisor(at_most=1), *twice) is None
    clean = exited(1.0, code=0, asked=False)
    by = Supervisor(restart="on_failure")
    assert waits(by, spawned(0.0), clean) is None
    assert waits(by, spawned(0.0), replace(clean, supervisor="not_live")) == 0.1


def test_a_recorded_decision_counts() -> None:
    """It is what the lab did."""
    no = RestartDecided(at_s=1.0, app="backend", boot=1, why="stopped", exit_code=3, wait_s=None)
    assert waits(Supervisor(), spawned(0.0), gone(1.0, 1), no) is None


def stops(*events: AnyEvent) -> tuple[float, str] | None:
    due = stop_due(APP, 1, LIVENESS, history_of([spawned(0.0), *events]))
    return due and (round(due.at_s, 2), due.why)


def listens(at_s: float) -> Bound:
    return Bound(at_s=at_s, app="backend", boot=1)


def test_liveness_that_fails_in_a_row_stops_the_app() -> None:
    """Three misses, a period apart: the third is over at 4.01 s."""
    live = probed("live", 1.0, 2.0)
    assert stops(listens(0.9), *live, *probed("live", 2.0, 3.9, 503)) is None
    assert stops(listens(0.9), *live, *probed("live", 2.0, 4.3, 503)) == (4.01, "not_live")


def test_a_good_answer_ends_a_row_of_misses() -> None:
    """Two misses, a good answer and two misses are no reason to stop."""
    live = [*probed("live", 1.0, 2.0), *probed("live", 2.0, 3.9, 503)]
    live += [*probed("live", 4.0, 4.1), *probed("live", 4.1, 6.0, 503)]
    assert stops(listens(0.9), *live) is None
    assert stops(listens(0.9), *live, *probed("live", 6.0, 6.3, 503)) is not None


def test_an_app_that_does_not_start_is_stopped_after_the_start_up_probe() -> None:
    """However often liveness has failed before. It may never have listened."""
    assert stops() == (20.0, "startup")
    assert stops(listens(0.9), *probed("live", 1.0, 15.0, 503)) == (20.0, "startup")
    assert stops(listens(0.9)) is None, "nothing shows that it is not live"
    assert stops(listens(0.9), *probed("live", 1.0, 1.3)) is None
