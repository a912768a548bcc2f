"""What is described of a fault under an app that runs."""

from __future__ import annotations

import pytest
from rigs.cell_histories import (
    HEALED_S,
    RUNNING_S,
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    hanging,
    health,
    live,
    missed,
    opened_none,
    refused,
    requests,
    sentence,
    stop,
    up,
)

from chaoslab.evidence.soundness import TROUBLE
from chaoslab.history.events import LabTrouble
from chaoslab.history.triggers import NOT_IN_TIME
from chaoslab.model.health import HealthState

BEFORE = [*up(), *all_well(1.6, 3.0)]
REFUSED = [*fault(), *refused()]
AFTER = [*all_well(6.4, 10.0), *end()]
UNHEALTHY, DEGRADED = HealthState.UNHEALTHY, HealthState.DEGRADED


def test_paths_that_hang_and_answer_are_named_with_the_time_back() -> None:
    """As in the issue: one path hangs, one answers, requests hang."""
    under = [*hanging(3.0, 5.9), *live(3.0, 5.8), *both(3.0, 3.8, "indeterminate", code=None,
             error="TimeoutError", took_s=2.0)]  # fmt: skip
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    expected = "/healthcheck hangs, /liveness 200, requests hang; back 0.4 s after the heal"
    assert text == expected


def test_an_honest_error_has_its_status_and_when_it_began() -> None:
    """Health turned after a second; requests were refused at once."""
    under = [
        *health(3.0, 4.0),
        *health(4.0, 5.8, UNHEALTHY, code=503),
        *live(3.0, 5.8),
        *both(3.0, 5.8, "failed", code=503),
    ]
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    assert text.startswith(
        "/healthcheck 503 unhealthy after 1.0 s, /liveness 200, requests answer 503; back"
    )


def test_health_that_is_healthy_while_requests_fail_is_reported_first() -> None:
    """The reason that is wrong under any policy."""
    under = [*health(3.0, 5.8), *live(3.0, 5.8), *both(3.0, 5.8, "failed", code=500)]
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    assert text.startswith("reports healthy while requests fail, /healthcheck 200 healthy")


def test_two_failed_requests_are_no_dishonest_health() -> None:
    """A short race: two of one name in a row, for less than a second."""
    under = [
        *health(3.0, 5.8),
        *live(3.0, 5.8),
        *requests(3.0, 3.4, "failed", code=500),
        *requests(3.4, 5.8),
        *requests(3.0, 5.8, name="list"),
    ]
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    assert "reports healthy" not in text
    assert "2 of 14 order fail (2 x 500), list ok" in text


def test_requests_that_differ_are_named() -> None:
    """One of the two needs the service."""
    under = [
        *health(3.0, 5.8, DEGRADED),
        *live(3.0, 5.8),
        *requests(3.0, 5.8, "failed", code=503),
        *requests(3.0, 5.8, name="list"),
    ]
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    assert "/healthcheck 200 degraded, /liveness 200, order answers 503, list ok" in text


def test_unaffected_is_claimed_with_the_number_of_answers() -> None:
    """The fault reached the app, and nothing changed."""
    text = sentence(cell(), BEFORE, REFUSED, all_well(3.0, 10.0), end())
    assert text == "unaffected: 15 answers of health and 30 requests as before"


def test_answers_that_are_as_before_but_slower_are_not_called_unaffected() -> None:
    """Every answer is good; health took 0.01 s before, and requests 0.02 s."""
    slow = [
        *health(3.0, 5.8, took_s=0.9, every_s=0.6),
        *live(3.0, 5.8),
        *both(3.0, 3.8, took_s=1.9),
    ]
    text = sentence(cell(), BEFORE, REFUSED, slow, AFTER)
    assert text == (
        "as before: 4 answers of health and 8 requests, but slower: /healthcheck up to 0.9 s "
        "(0.01 s before), requests up to 1.9 s (0.02 s before)"
    )


def test_a_path_that_is_slower_is_named_without_the_requests() -> None:
    """Only one of the two requests needs the service, and no declared request is slower."""
    slow = [*health(3.0, 5.8), *live(3.0, 5.8), *requests(3.0, 4.0, took_s=1.5)]
    text = sentence(cell(), BEFORE, REFUSED, slow, requests(3.0, 5.8, name="list"), AFTER)
    assert text.endswith("but slower: order up to 1.5 s (0.02 s before)")
    bare = [*health(3.0, 5.8, took_s=0.9), *live(3.0, 5.8), *health(6.4, 10.0)]
    well = [*up(), *health(1.6, 3.0), *live(1.6, 3.0)]
    text = sentence(cell(), well, REFUSED, bare, end(), requests=False)
    assert text == (
        "health as before (11 answers), but slower: /healthcheck up to 0.9 s (0.01 s before); "
        "no request is declared to show more"
    )


@pytest.mark.parametrize(
    ("before_s", "slow", "slower"),
    [
        (0.02, [1.1], True),  # one may be a pause of the machine, and a longer one is none
        (0.02, [0.9, 0.9], False),
        (0.02, [0.9, 0.9, 0.9], True),
        (0.02, [0.45, 0.45, 0.45], False),
        (0.2, [0.9, 0.9, 0.9], False),  # less than five times as long
        (0.2, [1.1], False),  # less than a second longer
        (0.9, [1.8, 1.8, 1.8], False),
        (0.9, [2.0], True),
    ],
)
def test_a_pause_of_a_busy_machine_is_not_called_slower(
    before_s: float, slow: list[float], slower: bool
) -> None:
    """One answer took a second longer than any before the fault, or three took half a second and
    five times as long.
    """
    well = [*health(1.6, 10.0), *live(1.6, 10.0)]
    was = [*both(1.6, 2.0, took_s=before_s), *both(6.4, 10.0)]
    sent = [requests(3.0 + 0.2 * n, 3.2 + 0.2 * n, took_s=s) for n, s in enumerate(slow)]
    rest = [*requests(3.8, 5.8), *requests(3.0, 5.8, name="list")]
    text = sentence(cell(), up(), REFUSED, well, was, *sent, rest, end())
    assert ("slower: order up to" in text) is slower
    assert ("unaffected" in text) is not slower


def test_a_request_that_was_not_sent_under_the_fault_is_not_called_unaffected() -> None:
    """Two are declared: of one, or of both, there is no answer."""
    well = [*health(3.0, 5.8), *live(3.0, 5.8)]
    one = sentence(cell(), BEFORE, REFUSED, well, requests(3.0, 5.8), AFTER)
    assert one == "too few answers to describe it: 14 of health, 14 requests (list: 0)"
    none = sentence(cell(), BEFORE, REFUSED, well, AFTER)
    assert none == "too few answers to describe it: 14 of health, 0 requests"


def test_without_requests_unaffected_is_not_claimed() -> None:
    """Health alone does not show that the app works."""
    answers = [*health(1.6, 10.0), *live(1.6, 10.0)]
    text = sentence(cell(), up(), REFUSED, answers, end(), requests=False)
    assert text == "health unchanged (15 answers); no request is declared to show more"


def test_too_few_answers_are_not_described() -> None:
    """Two answers of health show no state."""
    few = [*health(3.0, 3.4), *both(3.0, 5.8)]
    text = sentence(cell(), BEFORE, REFUSED, few, AFTER)
    assert text.startswith("too few answers to describe it: 2 of health")


def test_a_fault_that_reached_nothing_is_not_called_harmless() -> None:
    """The app had no connection, so nothing follows about it."""
    text = sentence(cell("silent"), BEFORE, fault(), opened_none(), all_well(3.0, 10.0), end())
    assert text == "not observed to affect the app: it had no connection to postgres in 2.9 s"


def test_a_refusal_of_nothing_is_named_by_the_connects_that_were_counted() -> None:
    """The kernel counted none."""
    text = sentence(cell(), BEFORE, fault(), refused(0), all_well(3.0, 10.0), end())
    assert text == "not observed to affect the app: it tried no new connection to postgres in 2.9 s"


def test_what_changed_is_described_although_the_fault_was_not_observed() -> None:
    """Nothing counted the refused connects; health changed."""
    under = [*health(3.0, 5.8, UNHEALTHY, code=503), *live(3.0, 5.8), *both(3.0, 5.8)]
    text = sentence(cell(), BEFORE, fault(), under, AFTER)
    assert text.startswith("not observed to affect the app: no connection")
    assert "; /healthcheck 503 unhealthy" in text


def test_an_exit_has_its_code_words_and_restarts() -> None:
    """Two boots end, the third is up after the heal."""
    again = [
        *boot(4.2, number=2),
        *exits(4.9, number=2),
        *boot(5.5, number=3, listens_s=6.5, complete_s=8.0),
        *health(8.1, 10.0, number=3),
        *live(8.1, 10.0, number=3),
        *both(8.1, 10.0),
    ]
    gone = exits(4.0, 1, "Traceback", "ECONNREFUSED 127.0.0.1:5432")
    text = sentence(cell(), BEFORE, REFUSED, gone, again, end())
    assert text == (
        'exits 1 1.0 s into the fault ("ECONNREFUSED 127.0.0.1:5432"), '
        "restarted twice, up 2.0 s after the heal"
    )


def test_what_does_not_come_back_is_named_with_the_time_that_was_watched() -> None:
    """Health is back, requests are not."""
    under = [*health(3.0, 5.8, UNHEALTHY, code=503), *live(3.0, 10.0), *both(3.0, 10.0, "failed",
             code=500)]  # fmt: skip
    text = sentence(cell(), BEFORE, REFUSED, under, health(6.4, 10.0), end())
    assert text.endswith(
        "requests NOT back within 4.0 s of the heal, /healthcheck back 0.4 s after the heal"
    )


def test_nothing_that_comes_back_needs_no_names() -> None:
    """All paths and requests stay away."""
    under = [
        *health(3.0, 10.0, UNHEALTHY, code=503),
        *live(3.0, 10.0, 503),
        *both(3.0, 10.0, "failed", code=500),
    ]
    text = sentence(cell(), BEFORE, REFUSED, under, end())
    assert text.endswith("; NOT back within 4.0 s of the heal")


def test_requests_that_come_back_much_later_are_named_apart() -> None:
    """Health 0.4 s, requests 2.4 s after the heal."""
    under = [*health(3.0, 5.8, UNHEALTHY, code=503), *live(3.0, 10.0), *both(3.0, 8.4, "failed",
             code=500)]  # fmt: skip
    after = [*health(6.4, 10.0), *both(8.4, 10.0)]
    text = sentence(cell(), BEFORE, REFUSED, under, after, end())
    assert text.endswith(
        "/healthcheck back 0.4 s after the heal, requests back 2.4 s after the heal"
    )


def test_dead_connections_show_after_the_heal() -> None:
    """Nothing changed under the fault; requests hang after it."""
    hang = both(6.2, 7.0, "indeterminate", code=None, error="TimeoutError", took_s=2.0)
    events = (BEFORE, REFUSED, all_well(3.0, 5.8), health(5.8, 10.0), live(5.8, 10.0), hang)
    text = sentence(cell("silent_dead"), *events, both(9.0, 10.0), end())
    assert text.endswith("; back 3.0 s after the heal")


def test_a_path_that_goes_to_and_fro_has_its_counts() -> None:
    """It alternates between two answers."""
    under = [
        *health(3.0, 3.6),
        *health(3.6, 4.2, UNHEALTHY, code=503),
        *health(4.2, 4.8),
        *health(4.8, 5.8, UNHEALTHY, code=503),
        *live(3.0, 5.8),
        *both(3.0, 5.8),
    ]
    text = sentence(cell(), BEFORE, REFUSED, under, AFTER)
    assert text.startswith("/healthcheck varies (6 x 200 healthy, 8 x 503 unhealthy)")


def test_a_short_loss_has_what_came_first_and_when_it_was_over() -> None:
    """As at a restart of the service."""
    under = [*health(3.0, 3.8, UNHEALTHY, code=503), *health(3.8, 5.8), *live(3.0, 5.8)]
    text = sentence(cell(), BEFORE, REFUSED, under, both(3.0, 5.8), AFTER)
    assert text.startswith("/healthcheck 503 unhealthy at first, 200 healthy after 0.8 s,")


def test_one_odd_answer_does_not_hide_the_usual_one() -> None:
    """One hang among good answers."""
    under = [*health(3.0, 4.0), *hanging(4.0, 5.0), *health(5.0, 5.8), *live(3.0, 5.8)]
    text = sentence(cell(), BEFORE, REFUSED, under, both(3.0, 5.8), AFTER)
    assert text.startswith("/healthcheck 200 healthy (but 1 x hangs), /liveness 200")


def test_a_lab_in_trouble_describes_nothing() -> None:
    """Whatever the app did."""
    trouble = LabTrouble(at_s=4.0, part="postgres", what="it ended")
    text = sentence(cell(), BEFORE, REFUSED, all_well(3.0, 10.0), [trouble], end())
    assert text == "not known: a part of the lab failed at 4.000 s: postgres: it ended"
    assert TROUBLE.name in str(behaviour(cell(), [*BEFORE, *REFUSED, trouble, *end()]).lines)


def test_a_run_without_an_end_describes_nothing() -> None:
    """The lab was killed."""
    assert sentence(cell(), BEFORE, REFUSED, all_well(3.0, 10.0)).startswith("not known: the hist")


def test_an_interrupted_run_describes_nothing() -> None:
    """Ctrl-C came before the cell was over."""
    text = sentence(cell(), BEFORE, REFUSED, end(7.0, settled=False, why="interrupted"))
    assert text == "not known: the run ended before the cell was over: interrupted"


def test_a_fault_that_was_not_injected_describes_nothing() -> None:
    """The app never started, so the fault had no moment."""
    gone = [*boot(0.5), *exits(1.5, 1, "KeyError: 'DATABASE_URL'")]
    text = sentence(cell(), gone, missed(NOT_IN_TIME(within_s=4.0)), end())
    assert text == (
        "not known: the app did not start, so the fault was not injected, exited with 1 after "
        "1.000 s"
    )


def test_a_stop_during_the_outage_is_described_with_its_code() -> None:
    """SIGTERM one second into the fault."""
    text = sentence(cell("silent", "sigterm"), BEFORE, fault(), refused(), stop(4.0), end(HEALED_S))
    assert text.endswith("stops 0.2 s after SIGTERM (exit code 0)")


def test_answers_before_sigterm_are_described_if_one_was_bad() -> None:
    """The second between the fault and SIGTERM: with good answers only, it shows too little."""
    silent, ended = cell("silent", "sigterm"), stop(4.0)
    unhealthy = health(3.1, 3.9, HealthState.UNHEALTHY, code=500)
    bad = [*unhealthy, *both(3.1, 3.9, "failed", code=500)]
    text = sentence(silent, BEFORE, fault(), refused(), bad, ended, end(HEALED_S))
    assert "/healthcheck 500 unhealthy, requests answer 500; stops 0.2 s" in text
    good = sentence(silent, BEFORE, fault(), refused(), all_well(3.1, 3.9), ended, end(HEALED_S))
    assert "answers" not in good
    assert "requests" not in good


def test_an_app_that_ends_before_sigterm_is_described_by_its_exit() -> None:
    """There was nothing left to stop."""
    gone = exits(3.5, 1, "ECONNREFUSED")
    text = sentence(cell("silent", "sigterm"), BEFORE, fault(), refused(), gone, end(HEALED_S))
    assert text.endswith('exits 1 0.5 s into the fault ("ECONNREFUSED")')


def test_a_process_that_was_killed_did_not_stop() -> None:
    """It still ran at the end of its grace period."""
    ended = stop(4.0, 10.0, -9, killed_s=10.0)
    silent = cell("silent", "sigterm")
    text = sentence(silent, BEFORE, fault(RUNNING_S, 14.1, 14.2), ended, end(15.0))
    assert text.endswith("does NOT stop: still runs 10 s after SIGTERM")
