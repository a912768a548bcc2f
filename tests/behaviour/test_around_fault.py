"""What is described of the time in which a service is being stopped, and started again.

The stop is requested at 2.9 and over at 3.4; the start takes from 5.9 to 6.6.
"""

from __future__ import annotations

from collections.abc import Iterable

from rigs.cell_histories import (
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    health,
    live,
    refused,
    requests,
    up,
)

from chaoslab.behaviour.described import Behaviour
from chaoslab.history.events import AnyEvent
from chaoslab.matrix.observed_policy import policy_of
from chaoslab.model.health import HealthState
from chaoslab.model.policy import Policy

STOPPED = cell("stopped")
BEFORE = [*up(), *all_well(1.6, 2.8)]
DOWN = [*fault(3.4, 5.9, 6.6, requested_s=2.9), *refused(start_s=3.45), *end()]
UNHEALTHY = HealthState.UNHEALTHY
LOST = "FATAL: terminating connection"


def seen(*events: Iterable[AnyEvent]) -> Behaviour:
    return behaviour(STOPPED, [event for group in (*events, BEFORE, DOWN) for event in group])


def policy(of: Behaviour) -> Policy | None:
    return policy_of(of.facts, at_boot=False)


def second_boot(at_s: float) -> list[AnyEvent]:
    """The second boot, which is as in the steady state 0.2 s after its spawn."""
    up_s = round(at_s + 0.2, 3)
    begun = boot(at_s, number=2, listens_s=at_s + 0.1, complete_s=up_s)
    well = [*health(up_s, 10.0, number=2), *live(up_s, 10.0, number=2), *both(up_s, 10.0)]
    return [*begun, *well]


def test_an_app_that_exits_while_the_service_is_being_stopped_is_not_unaffected() -> None:
    """Its supervisor has started it again before the service is down."""
    found = seen(exits(2.95, 1, LOST), second_boot(3.05))
    assert found.sentence.startswith(f'exits 1 0.0 s into the fault ("{LOST}"), restarted once')
    assert "starts after" not in found.sentence, "that was the first boot, before the fault"
    assert policy(found) == "exit"


def test_an_app_that_then_stays_down_is_described_by_its_exit() -> None:
    """Nothing of it was there while the service was down."""
    found = seen(exits(2.95, 1, LOST))
    assert found.sentence == (
        f'exits 1 0.0 s into the fault ("{LOST}"), NOT up within 3.4 s of the heal'
    )


def test_an_exit_while_the_service_is_started_again_is_one_under_the_fault() -> None:
    """The heal is not over."""
    found = seen(all_well(3.0, 6.2), exits(6.3, 1, LOST), second_boot(6.7))
    assert found.sentence == (
        f'exits 1 2.9 s into the fault ("{LOST}"), restarted once, up 0.3 s after the heal'
    )
    assert policy(found) == "exit"


def test_requests_that_fail_only_during_the_stop_are_a_change() -> None:
    """No policy says that."""
    bad = requests(3.0, 3.4, "failed", code=500)
    good = [*requests(3.4, 10.0), *requests(3.0, 10.0, name="list")]
    found = seen(bad, good, health(3.0, 10.0), live(3.0, 10.0))
    assert "2 of 18 order fail (2 x 500), list ok" in found.sentence
    assert "back" not in found.sentence, "it was back long before the heal"
    assert policy(found) is None


def test_requests_that_fail_only_during_the_start_are_a_change() -> None:
    """The service accepts connections and answers nothing yet."""
    bad = both(6.0, 6.4, "failed", code=500)
    good = [*both(3.0, 6.0), *both(6.6, 10.0)]
    found = seen(bad, good, health(3.0, 10.0), live(3.0, 10.0))
    assert "4 of 34 requests fail (4 x 500)" in found.sentence
    assert policy(found) is None


def test_what_comes_back_during_the_start_does_not_change_what_was_there_under_the_fault() -> None:
    """The app serves again before the lab knows that the service does."""
    under = [*health(3.0, 6.2, UNHEALTHY, code=503), *both(3.0, 6.2, "failed", code=503)]
    found = seen(under, live(3.0, 10.0), health(6.2, 10.0), both(6.2, 10.0))
    words = "/healthcheck 503 unhealthy, /liveness 200, requests answer 503; back"
    assert found.sentence.startswith(words)
    assert policy(found) == "unavailable"


def test_nothing_changed_is_still_said_of_the_time_in_which_the_service_was_down() -> None:
    """13 answers were sent and over from 3.4 to 5.9."""
    text = seen(all_well(3.0, 10.0)).sentence
    assert text.startswith("unaffected: 13 answers of health and 26 requests")


def test_restarts_before_the_fault_are_not_counted() -> None:
    """Two boots found their port in use; the third ended under the fault."""
    early = [*boot(0.1), *exits(0.4), *boot(0.5, number=2), *exits(0.9, number=2)]
    third = [*boot(1.0, number=3, listens_s=1.2, complete_s=1.4), *exits(4.0, 1, LOST, number=3)]
    events = [*early, *third, *fault(), *refused(), *end()]
    again = boot(6.1, number=4, listens_s=6.3, complete_s=6.5)
    found = behaviour(cell(), [*events, *again, *all_well(1.6, 3.0)])
    assert found.sentence == (
        f'exits 1 1.0 s into the fault ("{LOST}"), restarted once, up 0.5 s after the heal'
    )


def test_a_request_that_was_open_at_the_stop_and_failed_is_a_change() -> None:
    """It was sent before the stop was requested; a good answer to it says nothing."""
    well = all_well(3.0, 10.0)
    found = seen(requests(2.85, 3.0, "failed", code=500, took_s=0.1), well)
    assert "1 of 19 order fail (1 x 500), list ok" in found.sentence
    slow = seen(requests(2.85, 3.0, took_s=0.1), well)
    assert slow.sentence.startswith("unaffected")


def test_health_that_fails_only_during_the_start_is_no_policy() -> None:
    """While the service was down, health was healthy."""
    bad = health(6.0, 6.4, UNHEALTHY, code=503)
    found = seen(bad, health(3.0, 6.0), health(6.6, 10.0), live(3.0, 10.0), both(3.0, 10.0))
    assert found.sentence.startswith("/healthcheck 200 healthy (but 2 x 503 unhealthy)")
    assert policy(found) is None


def test_a_request_that_was_open_at_the_end_of_a_start_says_nothing() -> None:
    """At boot the app had not started when it was sent."""
    begun = [*fault(0.2), *refused(start_s=0.2), *up(), *end()]
    early = requests(1.45, 1.6, "failed", code=500, took_s=0.1)
    found = behaviour(cell("refused", "boot"), [*begun, *early, *all_well(1.6, 10.0)])
    assert found.facts.started_under_fault
    assert not found.facts.changed


def test_requests_that_fail_while_another_one_fails_all_along_are_told() -> None:
    """One request fails under the fault, the other one only while the service is started."""
    order = [*requests(3.0, 6.6, "failed", code=503), *requests(6.6, 10.0)]
    listed = [
        *requests(3.0, 6.0, name="list"),
        *requests(6.0, 6.4, "failed", name="list", code=500),
    ]
    good = [*requests(6.6, 10.0, name="list"), *health(3.0, 10.0), *live(3.0, 10.0)]
    found = seen(order, listed, good)
    assert "order answers 503, 2 of 17 list fail (2 x 500)" in found.sentence
