"""Which event is the moment of a trigger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    HealthTurned,
    LossNamed,
    Request,
    Spawned,
    StartupComplete,
    StepDone,
)
from chaoslab.history.moments import counts_from_s, find
from chaoslab.model import when
from chaoslab.model.health import HealthState
from chaoslab.model.when import AtMoment, Moment

from .one_of_each import EVENTS


def turned(at_s: float, state: HealthState, app: str = "b") -> HealthTurned:
    return HealthTurned(at_s=at_s, app=app, boot=1, state=state)


TURNS: list[AnyEvent] = [
    turned(1.0, HealthState.DEGRADED),
    turned(2.0, HealthState.HEALTHY),
    turned(3.0, HealthState.DEGRADED, app="auth"),
    turned(4.0, HealthState.DEGRADED),
]


@pytest.mark.parametrize("moment", get_args(Moment))
def test_every_moment_is_an_event_of_the_history(moment: Moment) -> None:
    """It is found among all events, and not in an empty history."""
    more = [*EVENTS, *TURNS, LossNamed(at_s=9.0, app="b", boot=1, lost=())]
    found = find(AtMoment(moment=moment), more)
    assert found is not None
    assert find(AtMoment(moment=moment), []) is None


def test_the_nth_is_counted_among_its_kind_and_subject() -> None:
    """The second change of `b` to degraded is found, whatever `auth` did."""
    assert find(when.degraded(), TURNS) == TURNS[0]
    assert find(when.degraded(nth=2), TURNS) == TURNS[2]
    assert find(AtMoment(moment="degraded", of="b", nth=2), TURNS) == TURNS[3]
    assert find(when.degraded(nth=4), TURNS) is None


def test_a_fault_is_meant_by_its_name() -> None:
    """The heal of another fault is not the moment."""
    events: list[AnyEvent] = [FaultHealed(at_s=1.0, fault="a"), FaultHealed(at_s=2.0, fault="b")]
    assert find(when.healed("b"), events) == events[1]
    assert find(when.healed("c"), events) is None


def test_lost_names_exactly_what_is_lost() -> None:
    """The order of names does not matter. More or fewer names are another moment."""
    events: list[AnyEvent] = [
        LossNamed(at_s=1.0, app="b", boot=1, lost=("postgres",)),
        LossNamed(at_s=2.0, app="b", boot=1, lost=("postgres", "redis")),
        LossNamed(at_s=3.0, app="b", boot=1, lost=()),
    ]
    assert find(when.lost("redis", "postgres"), events) == events[1]
    assert find(when.lost("postgres"), events) == events[0]
    assert find(when.lost("redis"), events) is None


def test_only_acknowledged_writes_of_the_load_count() -> None:
    """Failed writes and the lab's own write do not count."""
    events: list[AnyEvent] = [
        Request(at_s=1.0, app="b", op="1", outcome="failed", took_s=0.0),
        Request(at_s=2.0, app="b", op="2", outcome="ok", took_s=0.0, purpose="proof"),
        Request(at_s=3.0, app="b", op="3", outcome="ok", took_s=0.0),
        Request(at_s=4.0, app="b", op="4", outcome="indeterminate", took_s=0.0),
        Request(at_s=5.0, app="b", op="5", outcome="ok", took_s=0.0),
    ]
    assert find(when.acknowledged(1), events) == events[2]
    assert find(when.acknowledged(2), events) == events[4]
    assert find(when.acknowledged(3), events) is None


def test_started_is_the_nth_boots_end_of_start_up() -> None:
    """`nth=2` is the complete start-up of the second boot."""
    events: list[AnyEvent] = [
        StartupComplete(at_s=float(n), app="b", boot=n, state=HealthState.HEALTHY) for n in (1, 2)
    ]
    assert find(when.started(nth=2), events) == events[1]


def test_a_supervisors_start_is_no_start_of_the_plan() -> None:
    """A trigger on spawns counts only boots that the plan starts."""
    first = Spawned(at_s=1.0, app="b", boot=1, pid=1, port=1, argv=(), env={})
    again = replace(first, at_s=2.0, boot=2, restart=True)
    assert find(when.spawned(), [again, first]) is first
    assert find(AtMoment(moment="spawned", nth=2), [first, again]) is None


def test_a_change_of_health_that_ended_before_the_fault_does_not_end_it() -> None:
    """`b` was degraded from 1.0 to 2.0. The next change ends a fault that began at 3.5."""
    assert find(when.degraded(), TURNS, since_s=1.5) == TURNS[0]
    assert find(AtMoment(moment="degraded", of="b"), TURNS, since_s=3.5) == TURNS[3]
    assert find(AtMoment(moment="degraded", of="b"), TURNS[:3], since_s=3.5) is None
    assert find(when.healthy(), TURNS, since_s=2.5) == TURNS[1]


def test_a_loss_that_ended_before_the_fault_does_not_end_it() -> None:
    """A dependency was named as lost, then no longer. One that is still named ends the fault."""
    events: list[AnyEvent] = [
        LossNamed(at_s=at_s, app="b", boot=1, lost=lost)
        for at_s, lost in ((1.0, ("redis",)), (2.0, ()), (4.0, ("redis",)))
    ]
    assert find(when.lost("redis"), events, since_s=1.5) == events[0]
    assert find(when.lost("redis"), events, since_s=3.0) == events[2]
    assert find(when.lost("redis"), events[:2], since_s=3.0) is None


def test_only_changes_of_health_search_later_events() -> None:
    """Each event of a run searches the history. Writes must not search it once more each."""

    class Events(list[AnyEvent]):
        """A list that must not be copied."""

        def __getitem__(self, at: object) -> Any:
            assert not isinstance(at, slice), "copied"
            return super().__getitem__(at)  # type: ignore[index]

    writes = Events(e for e in EVENTS if isinstance(e, Request))
    never = AtMoment(moment="acknowledged", nth=99)
    assert find(never, writes, since_s=0.0) is None


def test_a_step_is_over_after_the_time_that_it_took() -> None:
    """Its event has the time of its beginning. A step that failed is over, too."""
    done = StepDone(at_s=2.0, step="flush", took_s=1.5, ok=False, error="no")
    assert find(when.done("flush"), [done]) == done
    assert find(when.done("other"), [done]) is None
    assert counts_from_s(done) == 3.5
    assert counts_from_s(TURNS[0]) == 1.0
