"""What is described of a fault that is in force before the app starts, and of the steady state."""

from __future__ import annotations

from rigs.cell_histories import (
    AT_BOOT_S,
    HEALED_S,
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
    sentence,
    stop,
    up,
)

from chaoslab.behaviour.boots import last_words
from chaoslab.model.health import HealthState

REFUSED = [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S)]
AT_BOOT = cell("refused", "boot")
STEADY = cell("none")
DEGRADED = HealthState.DEGRADED


def _boots_that_exit() -> list:
    """Three boots that each end after 1.5 s, and a fourth that is complete 2.9 s after the heal."""
    events = []
    for number in (1, 2, 3):
        at_s = 0.5 + 1.6 * (number - 1)
        events += [*boot(at_s, number=number), *exits(at_s + 1.5, 1, "ECONNREFUSED", number=number)]
    return [*events, *boot(5.5, number=4, listens_s=8.0, complete_s=8.9)]


def test_exits_are_described_as_in_the_issue() -> None:
    """Code, time, last words, restarts and the time until it is up."""
    served = [*health(9.0, 10.0, number=4), *live(9.0, 10.0, number=4), *both(9.0, 10.0)]
    text = sentence(AT_BOOT, REFUSED, _boots_that_exit(), served, end())
    assert text == (
        'exits 1 after 1.5 s ("ECONNREFUSED"), restarted 3 times, up 2.9 s after the heal'
    )


def test_a_line_that_only_refers_to_a_page_is_not_quoted() -> None:
    """The line that names the error is quoted, also if one with the address of a page follows."""
    log = ("OperationalError: refused", "", "(Background on this error at: https://x.example/e3q8)")
    assert last_words(log) == "OperationalError: refused"
    assert last_words(log[2:]) == log[2]


def test_a_line_of_a_traceback_is_not_quoted() -> None:
    """The message is quoted, also if functions and files below it have names of errors."""
    node = (
        "[ERROR] Error: no answer",
        "    at Timeout._onTimeout (/app/node_modules/pg/lib/client.js:170:28)",
        "    at listOnTimeout (node:internal/timers:581:17)",
        "    at process.processTimers (node:internal/timers:519:7) {",
        "}",
    )
    python = ("TimeoutError: no answer", '  File "/app/errors.py", line 7, in raise_error')
    java = (
        "java.net.ConnectException: no answer",
        "\tat app.Errors.raise(Errors.java:7) [app.jar]",
    )
    assert last_words(node) == node[0]
    assert last_words(python) == python[0]
    assert last_words(java) == java[0]
    assert last_words(node[1:3]) == node[2].strip()


def test_an_app_that_stays_away_is_not_up() -> None:
    """Nothing was complete after the heal."""
    gone = [*boot(0.5), *exits(2.0, 0)]
    text = sentence(AT_BOOT, REFUSED, gone, end())
    assert text == "exits 0 after 1.5 s (it logged nothing), NOT up within 4.0 s of the heal"


def test_an_app_that_does_not_listen_waits() -> None:
    """It binds its port after the heal."""
    waits = boot(0.5, listens_s=6.3, complete_s=6.5)
    text = sentence(AT_BOOT, REFUSED, waits, all_well(6.6, 10.0), end())
    assert text == "waits: does not listen, up 0.5 s after the heal"


def test_an_app_that_listens_and_gives_no_answer_waits() -> None:
    """It binds its port at once."""
    waits = boot(0.5, listens_s=1.0, complete_s=6.5)
    text = sentence(AT_BOOT, REFUSED, waits, all_well(6.6, 10.0), end())
    assert text == "waits: listens, gives no answer, up 0.5 s after the heal"


def test_the_requests_of_an_app_that_listens_and_gives_no_answer_are_described() -> None:
    """They hang too."""
    waits = boot(0.5, listens_s=1.0, complete_s=6.5)
    hang = both(1.2, 5.8, "indeterminate", code=None, error="ReadTimeout")
    text = sentence(AT_BOOT, REFUSED, waits, hang, all_well(6.6, 10.0), end())
    assert text.startswith("waits: listens, gives no answer, requests hang, up 0.5 s after")


def test_an_app_that_answers_503_until_the_heal_waits() -> None:
    """The status is its last one."""
    unhealthy = health(1.2, 5.8, HealthState.UNHEALTHY, code=503)
    waits = boot(0.5, listens_s=1.0, complete_s=6.5)
    text = sentence(AT_BOOT, REFUSED, waits, unhealthy, all_well(6.6, 10.0), end())
    assert text.startswith("waits: health answers 503, up 0.5 s after the heal")


def test_the_requests_of_an_app_that_waits_and_answers_are_described() -> None:
    """It listens, health is not healthy, and requests are answered too: with which status."""
    waiting = boot(0.5, listens_s=1.0, complete_s=HEALED_S + 0.5)
    unready = health(1.2, 5.8, HealthState.UNHEALTHY, code=503)
    fail = both(0.6, 5.8, "failed", code=500)
    text = sentence(AT_BOOT, REFUSED, waiting, unready, fail, end())
    assert text.startswith("waits: health answers 503, requests answer 500, up 0.5 s after")


def test_an_app_that_starts_degraded_says_so() -> None:
    """With what each path and request does then."""
    starts = boot(0.5, listens_s=1.0, complete_s=1.7, state=DEGRADED)
    under = [*health(1.8, 5.8, DEGRADED), *live(1.8, 10.0), *both(1.8, 5.8, "failed", code=503)]
    after = [*health(6.4, 10.0), *both(6.4, 10.0)]
    text = sentence(AT_BOOT, REFUSED, starts, under, after, end())
    assert text == (
        "starts after 1.2 s, /healthcheck 200 degraded, /liveness 200, requests answer 503; "
        "back 0.4 s after the heal"
    )


def test_what_failed_only_before_the_start_was_complete_is_not_back_later() -> None:
    """A start-up may answer errors for a moment."""
    starts = boot(0.5, listens_s=0.6, complete_s=1.7, state=DEGRADED)
    early = both(0.8, 1.6, "failed", code=503)
    under = [*health(1.8, 5.8, DEGRADED), *live(1.8, 10.0), *both(1.8, 10.0)]
    text = sentence(AT_BOOT, REFUSED, starts, early, under, health(8.4, 10.0), end())
    assert text.endswith("requests ok; back 2.4 s after the heal")


def test_an_app_that_starts_as_ever_is_unaffected() -> None:
    """Health and each request are as in a steady state."""
    text = sentence(AT_BOOT, REFUSED, up(), all_well(1.6, 10.0), end())
    assert text.startswith("starts after 1.0 s, unaffected: ")


def test_requests_before_the_app_listens_do_not_count() -> None:
    """Nothing could answer them."""
    early = both(0.5, 1.0, "failed", code=None, error="ConnectError: refused")
    text = sentence(AT_BOOT, REFUSED, up(), early, all_well(1.6, 10.0), end())
    assert "fail" not in text


def test_the_steady_state_has_each_path_the_requests_and_the_stop() -> None:
    """No fault."""
    text = sentence(STEADY, up(), all_well(1.6, 3.5), stop(3.5), end(4.0))
    assert text == (
        "starts after 1.0 s, /healthcheck 200 healthy, /liveness 200, requests ok; "
        "stops 0.2 s after SIGTERM (exit code 0)"
    )


def test_an_app_that_does_not_start_in_the_steady_state_is_not_said_to_wait() -> None:
    """There is no fault for which it could wait."""
    assert sentence(STEADY, boot(0.5), stop(30.0), end(31.0)).startswith(
        "does not start: does not listen"
    )


def test_facts_have_the_figures() -> None:
    """Programs read them, not the sentence."""
    facts = behaviour(AT_BOOT, [*REFUSED, *_boots_that_exit(), *end()]).facts
    assert [each.code for each in facts.exits] == [1, 1, 1]
    assert (facts.restarts, facts.affected, facts.started_under_fault) == (3, True, False)


def test_answers_of_a_start_without_the_service_have_no_time_before_the_fault() -> None:
    """They are slow, and nothing of this cell shows whether they always are."""
    slow = [*health(1.6, 5.8), *live(1.6, 10.0), *both(1.6, 4.0, took_s=1.5)]
    after = [*health(6.4, 10.0), *both(6.4, 10.0)]
    text = sentence(AT_BOOT, REFUSED, up(), slow, after, end())
    assert text == (
        "starts after 1.0 s, as before: 21 answers of health and 24 requests, but slow: requests "
        "up to 1.5 s"
    )


def test_an_app_that_starts_and_exits_later_has_both() -> None:
    """Without the service it starts, serves for two seconds, and ends."""
    served, gone = all_well(1.6, 4.0), exits(4.0, 1, "lost")
    again = [*boot(5.95, number=2, listens_s=6.5, complete_s=6.9), *health(7.0, 10.0, number=2)]
    after = [*live(7.0, 10.0, number=2), *both(7.0, 10.0), *end()]
    text = sentence(AT_BOOT, REFUSED, up(), served, gone, again, after)
    assert text == (
        'starts after 1.0 s, exits 1 after 3.5 s ("lost"), restarted once, up 0.9 s after the heal'
    )


def test_an_app_that_starts_after_its_first_exit_and_exits_again_has_both() -> None:
    """The first boot gives up, the second one starts and ends."""
    gone = exits(1.5, 1, "refused")
    second = [*boot(1.6, number=2, listens_s=2.0, complete_s=2.8), *exits(4.6, 1, "lost", number=2)]
    third = [*boot(5.0, number=3, listens_s=6.5, complete_s=7.0), *health(7.1, 10.0, number=3)]
    after = [*live(7.1, 10.0, number=3), *both(7.1, 10.0), *end()]
    text = sentence(AT_BOOT, REFUSED, boot(0.5), gone, second, third, after)
    assert text == (
        'starts after 1.2 s, exits 1 after 3.0 s ("lost"), restarted twice, up 1.0 s after the heal'
    )


def test_an_app_that_ends_after_the_heal_and_is_not_restarted_is_not_back() -> None:
    """It had started under the fault, and was healthy for a while after the heal."""
    starts = boot(0.5, listens_s=1.0, complete_s=1.5, state=DEGRADED)
    under = [*health(1.6, 6.3, DEGRADED), *live(1.6, 8.0), *both(1.6, 6.3, "failed", code=503)]
    well = [*health(6.4, 8.0), *both(6.4, 8.0), *exits(8.0, 1, "pool closed"), *end()]
    text = sentence(AT_BOOT, REFUSED, starts, under, well)
    assert text.endswith(
        '; exits 1 after the heal ("pool closed"), NOT up within 4.0 s of the heal'
    )
