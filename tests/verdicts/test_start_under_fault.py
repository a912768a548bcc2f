"""How far a start-up got under a fault: whether it listened, answered, and when it was up."""

from __future__ import annotations

from chaoslab.evidence.start_under_fault import not_complete
from chaoslab.expectations import Degrades
from chaoslab.history.events import AnyEvent, Bound

from .events import HEALTHY, UNHEALTHY, complete, sample, spawned
from .histories import history_of

E = Degrades(naming=("postgres",), app="backend", fault="outage")
BOUND = Bound(at_s=0.9, app="backend", boot=1)


def course(*events: AnyEvent) -> str:
    """What is said of a boot at 0.4 whose fault was in force until 3.0."""
    return not_complete(E, "outage", 3.0, history_of([spawned(0.4), *events])).text


def test_an_app_that_listened_only_after_the_fault_did_not_listen() -> None:
    """Its port was open 0.5 s after the heal."""
    late = Bound(at_s=3.5, app="backend", boot=1)
    told = course(late, sample(6.9, HEALTHY), complete(7.0, HEALTHY))
    assert told == "did not listen while outage was in force, up 3.9 s later"


def test_the_last_answer_under_the_fault_is_quoted() -> None:
    """503 unhealthy at 2.0; the answer after the heal does not count."""
    told = course(BOUND, sample(2.0, UNHEALTHY), sample(3.4, HEALTHY))
    assert told == (
        "listened and answered 503 'unhealthy' while outage was in force, up 0.4 s later"
    )


def test_an_app_that_only_listened_gave_no_answer() -> None:
    """Nothing shows that it was up later."""
    assert course(BOUND) == (
        "listened and gave no answer of health while outage was in force, "
        "and start-up was not complete"
    )
