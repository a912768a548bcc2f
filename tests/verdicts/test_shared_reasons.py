"""What one request to health came to, as a reason: quoted, and with its figures as data."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.evidence.reasons import NOT_ASKED_AT_BOUND, NOT_ASKED_UNTIL_BOUND, health_answer

from .events import DEGRADED, UNHEALTHY, UNREACHABLE, sample


def test_an_answer_of_health_is_quoted_with_what_it_means() -> None:
    """The state follows where the word of the app is another one."""
    assert (
        health_answer(sample(2.0, DEGRADED)).text
        == "health answered 200 'degraded', asked at 2.000 s"
    )
    starting = health_answer(replace(sample(2.0, UNHEALTHY), word="starting"))
    assert starting.text == "health answered 503 'starting' (unhealthy), asked at 2.000 s"
    assert (starting.code, starting.data["status_code"]) == ("health.answered", 503)


def test_an_answer_without_a_readable_body_has_its_own_words() -> None:
    """The probe says what it got instead."""
    page = replace(sample(2.0, UNHEALTHY), error="health answered 200 with text/html", word=None)
    assert health_answer(page).text == "health answered 200 with text/html, asked at 2.000 s"


def test_no_answer_in_time_and_no_connection_are_two_codes() -> None:
    """One was waited for; the other failed at once."""
    silent = health_answer(sample(2.0, UNREACHABLE, took_s=0.8))
    refused = health_answer(
        replace(sample(2.0, UNREACHABLE), status_code=None, error="ConnectError: refused")
    )
    assert (silent.code, silent.data["waited_s"]) == ("health.silent", 0.8)
    assert (refused.code, refused.data["error"]) == ("health.unreachable", "ConnectError: refused")


def test_a_bound_without_a_request_is_reported_with_the_last_request() -> None:
    """Or without one."""
    until = NOT_ASKED_UNTIL_BOUND(last_s=0.61, bound_s=3.4)
    assert until.text == "health was not asked after 0.610 s, and the bound was at 3.400 s"
    never = NOT_ASKED_UNTIL_BOUND(last_s=None, bound_s=3.4)
    assert never.text == "health was not asked, and the bound was at 3.400 s"
    between = NOT_ASKED_AT_BOUND(last_s=2.5, asked_s=3.4, bound_s=3.0)
    assert between.text == (
        "health was not asked from 2.500 to 3.400 s, and the bound was at 3.000 s"
    )
    first = NOT_ASKED_AT_BOUND(last_s=None, asked_s=3.4, bound_s=3.0)
    assert first.text == "health was not asked before 3.400 s, and the bound was at 3.000 s"
