"""Jobs: what shows that one was delivered in time, late, never or twice, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.evidence.delivery import clock_of
from chaoslab.evidence.timeline import Span
from chaoslab.expectations import Delivers
from chaoslab.history.events import AnyEvent, AppStarved
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict

from .cases import DOWN
from .delivering import delivering
from .events import (
    chat,
    complete,
    delivered,
    ended,
    exited,
    fault,
    job,
    last_look,
    spawned,
    subscribed,
)
from .histories import HEALTHY, history_of, run_of
from .plans import TOPOLOGY, plan_of, with_app

APP = TOPOLOGY.apps["backend"]
LIMIT_S = 1.0  # of the app's jobs


def declaring(**contract: object) -> App:
    """The app, with more in the place of its job."""
    of_job = APP.requests["job"]
    assert of_job.found is not None
    place = replace(of_job.found, **contract)  # type: ignore[arg-type]
    return replace(APP, requests={**APP.requests, "job": replace(of_job, found=place)})


def judged(*events: AnyEvent, at_least: int = 1, app: App = APP) -> Verdict:
    """The verdict on a run without a fault, which the lab ended."""
    e = Delivers(at_least=at_least).resolved(app)
    return e.judged(run_of([*events, ended(60.0)], topology=with_app(app)))


def outcome(*events: AnyEvent, app: App = APP) -> str:
    return judged(*events, app=app).outcome.value


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.because]


def test_a_job_that_was_found_within_its_time_is_delivered() -> None:
    """The slowest is named by the longest time that it may have taken."""
    verdict = judged(job(1.0, "a"), delivered(1.52, "a", 1.3), last_look(4.0, "a"))
    assert verdict.outcome == "PASS"
    assert "all delivered to redis: done, the slowest within 0.500 s" in "\n".join(verdict.texts)
    assert "none of them twice" in "\n".join(verdict.texts)


def test_a_job_that_no_look_found_is_lost_once_its_time_is_over() -> None:
    """The last look shows it, with its place and its time."""
    verdict = judged(job(1.0, "a"), job(1.1, "b"), last_look(4.0, missing=("a", "b")))
    assert (verdict.outcome, verdict.because[0].code) == ("FAIL", "job.lost")
    assert verdict.because[0].text == (
        "2 jobs were never delivered: acknowledged, and not in redis: done at 4.000 s, more than "
        "1 s after their acknowledgement or the heal: a, b"
    )


def test_a_look_before_its_time_is_over_shows_no_loss() -> None:
    """It may still come."""
    verdict = judged(job(1.0, "a"), last_look(1.9, missing=("a",)))
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "job.not_looked_up")
    assert outcome(job(1.0, "a")) == "UNKNOWN"


def test_a_job_that_came_and_went_was_delivered() -> None:
    """A key may have a time to live, or a consumer."""
    came = (job(1.0, "a"), delivered(1.2, "a", 1.0))
    assert outcome(*came, last_look(4.0, missing=("a",))) == "PASS"


@pytest.mark.parametrize(
    ("not_before_s", "seen_s", "expected", "code"),
    [
        (1.7, 2.0, "PASS", "job.all_delivered"),
        (1.9, 2.1, "UNKNOWN", "job.unclear"),
        (2.03, 2.3, "FAIL", "job.late"),
    ],
)
def test_late_is_what_was_not_there_after_the_bound(
    not_before_s: float, seen_s: float, expected: str, code: str
) -> None:
    """The bound is 2.02 s. Where it passed between two looks, nothing is known."""
    verdict = judged(job(1.0, "a"), delivered(seen_s, "a", not_before_s), last_look(4.0, "a"))
    assert (verdict.outcome, code in codes(verdict)) == (expected, True)


def test_waits_for_a_core_are_not_counted() -> None:
    """Neither to a late job nor to a lost one."""
    waits = AppStarved(at_s=2.2, app="backend", boot=1, waited_s=0.5, over_s=1.0)
    late = delivered(2.3, "a", 2.1)
    assert outcome(job(1.0, "a"), late, last_look(4.0, "a")) == "FAIL"
    assert outcome(job(1.0, "a"), waits, late, last_look(4.0, "a")) == "PASS"
    assert outcome(job(1.0, "a"), waits, last_look(2.3, missing=("a",))) == "UNKNOWN"


def test_twice_fails_also_for_a_job_that_was_not_acknowledged() -> None:
    """A client's retry may have sent it again inside the app; the lab sent it once."""
    seen = (job(1.0, "a"), delivered(1.2, "a", 1.0), job(1.1, "b", "indeterminate"))
    twice = last_look(4.0, "a", "b", repeated={"b": 2})
    verdict = judged(*seen, twice)
    assert (verdict.outcome, codes(verdict)[0]) == ("FAIL", "job.twice")
    assert verdict.because[0].text == "1 jobs were delivered more than once: b 2 times"
    assert outcome(*seen, twice, app=declaring(delivery="at_least_once")) == "PASS"


@pytest.mark.parametrize("place", [{"key": "done:{id}"}, {"service": "", "request": "seen"}])
def test_a_place_that_does_not_count_claims_nothing_about_twice(place: dict[str, str]) -> None:
    """A key of its own, or a read of the app, only shows that the job is done."""
    app = declaring(**{"key": "", **place})
    verdict = judged(job(1.0, "a"), delivered(1.2, "a", 1.0), app=app)
    assert verdict.outcome == "PASS"
    assert "twice" not in verdict.claim + "\n".join(verdict.texts)


def test_without_a_last_look_it_is_not_known_whether_a_job_is_there_twice() -> None:
    """The first look saw it once."""
    assert outcome(job(1.0, "a"), delivered(1.2, "a", 1.0)) == "UNKNOWN"


def test_too_few_jobs_show_nothing() -> None:
    """Of all, and of those after the heal."""
    verdict = judged(job(1.0, "a"), delivered(1.2, "a", 1.0), last_look(4.0, "a"), at_least=2)
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "job.few")
    plan = plan_of(Delivers(), faults=(DOWN,))
    (e,) = plan.expect
    assert isinstance(e, Delivers)
    few = e.judged(run_of(delivering(until_s=5.2), plan))
    assert (few.outcome, codes(few)[0]) == ("UNKNOWN", "job.few_after_faults")
    assert e.judged(run_of(delivering(), plan)).outcome == "PASS"


def test_jobs_of_another_app_or_request_do_not_count() -> None:
    """Each place is another one."""
    other = job(1.0, "b", app="auth")
    mine = (job(1.0, "a"), delivered(1.2, "a", 1.0), last_look(4.0, "a"))
    assert outcome(*mine, other, replace(job(1.0, "c"), request="mail")) == "PASS"


def test_a_fault_begins_the_time_of_a_job_again_at_its_heal() -> None:
    """If it begins before the time is over; a later one changes nothing."""
    outage, later = Span(start_s=1.5, end_s=5.0), Span(start_s=6.5, end_s=9.0)
    assert clock_of(1.0, 1.0, [outage, later]) == Span(start_s=5.0, end_s=6.0)
    assert clock_of(0.2, 1.0, [outage, later]) == Span(start_s=0.2, end_s=1.2)
    assert clock_of(3.0, 2.0, [outage, later]) == Span(start_s=9.0, end_s=11.0)
    assert clock_of(9.5, 1.0, [outage, later]) == Span(start_s=9.5, end_s=10.5)


def test_an_outage_longer_than_the_bound_excuses_its_own_time_only() -> None:
    """Late is what comes after the heal and the bound."""
    sent = (job(1.0, "a"), *fault("cut", 1.2, 1.21, 5.0, 5.02))
    assert outcome(*sent, delivered(5.5, "a", 5.3), last_look(9.0, "a")) == "PASS"
    assert outcome(*sent, delivered(6.5, "a", 6.3), last_look(9.0, "a")) == "FAIL"


def test_a_boot_that_the_plan_replaces_delivers_after_its_start() -> None:
    """The time of the start-up is not the job's."""
    boots = (spawned(0.1), exited(1.5), spawned(1.6, boot=2), complete(2.5, HEALTHY, boot=2))
    sent = (*boots, job(1.0, "a"))
    assert outcome(*sent, delivered(3.0, "a", 2.8), last_look(4.0, "a")) == "PASS"
    assert outcome(*sent, last_look(4.0, missing=("a",))) == "FAIL"


def test_a_run_waits_for_jobs_after_the_heal_and_for_their_delivery() -> None:
    """Not for those of a load that goes on."""
    plan = plan_of(Delivers(at_least=15), faults=(DOWN,))
    (e,) = plan.expect
    assert isinstance(e, Delivers)

    def waits_for(now_s: float, **changed: float) -> str | None:
        known = [event for event in delivering(**changed) if event.at_s < now_s]  # type: ignore[arg-type]
        return e.waits_for(replace(run_of([], plan), history=history_of(known)), now_s)

    assert waits_for(2.0) == "6 more acknowledged jobs"
    assert waits_for(5.0) == "7 more acknowledged jobs after the heal"
    assert waits_for(5.62) == "the delivery of 2 jobs"
    assert waits_for(5.8) is None
    assert waits_for(6.5, lost_from_s=4.7) == "the delivery of 2 jobs"
    assert waits_for(6.7, lost_from_s=4.7) is None


def of_users(*events: AnyEvent) -> Verdict:
    """The verdict on the job of two users, without a fault."""
    e = Delivers(request="chat", at_least=1, rests_on=()).resolved(APP)
    return e.judged(run_of([*events, ended(60.0)]))


BOTH = (*subscribed("ann", 1.0, 9.0), *subscribed("ben", 1.1, 9.0))


def test_each_user_has_subscriptions_of_its_own() -> None:
    """What one hears shows nothing of the other's jobs."""
    jobs = (*chat(1.2, "ann", "a"), *chat(1.3, "ben", "b"))
    assert of_users(*BOTH, *jobs).outcome == "PASS"
    lost = of_users(*BOTH, *jobs[:3])
    assert (lost.outcome, codes(lost)[0]) == ("FAIL", "job.lost")
    gone = of_users(*subscribed("ann", 1.0, 9.0), *subscribed("ben", 1.1, 1.35, "gone"), *jobs[:3])
    assert (gone.outcome, codes(gone)[0]) == ("UNKNOWN", "job.not_subscribed")


def test_jobs_before_the_first_subscription_do_not_count() -> None:
    """The lab may have missed their events. Without any subscription nothing is known."""
    early, later = chat(0.95, "ann", "e"), chat(1.2, "ann", "a")
    for sent in (early[:1], early):  # never seen, and seen once
        verdict = of_users(*BOTH, *sent, *later)
        assert (verdict.outcome, "job.sent_unwatched" in codes(verdict)) == ("PASS", True)
        assert of_users(*BOTH, *sent).outcome == "UNKNOWN"
        assert of_users(*sent, *later).outcome == "UNKNOWN"
    never = of_users(*subscribed("ann", 1.0, 9.0), *chat(1.2, "ann", "a"), *chat(1.3, "ben", "b"))
    assert (never.outcome, codes(never)[0]) == ("UNKNOWN", "job.not_subscribed")
