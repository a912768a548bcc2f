"""Events of several users: what shows that each gets only its own, and what does not."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import SeparatesUsers
from chaoslab.history.events import AnyEvent
from chaoslab.model.verdict import Verdict

from .cases import DOWN
from .delivering import chatting
from .events import chat, cross_talk, ended, subscribed
from .histories import history_of, run_of
from .plans import TOPOLOGY, plan_of
from .reading import codes, data

APP = TOPOLOGY.apps["backend"]
BOTH_JOBS = (*chat(1.2, "ann", "a"), *chat(1.3, "ben", "b"))
BOTH = (*subscribed("ann", 1.0, 9.0), *subscribed("ben", 1.1, 9.0))


def judged(*events: AnyEvent) -> Verdict:
    """The verdict on a run without a fault, which the lab ended. One job of each user is enough."""
    e = SeparatesUsers(at_least=1, rests_on=()).resolved(APP)
    return e.judged(run_of([*events, ended(9.1)]))


def test_users_who_get_their_own_events_are_separated() -> None:
    """The jobs of each are counted."""
    verdict = judged(*BOTH, *BOTH_JOBS)
    assert verdict.outcome == "PASS"
    assert dict(data(verdict, "event.compared")) == {
        "users": ("ann", "ben"),
        "counts": (1, 1),
        "since_s": None,
    }


def test_an_event_at_another_user_names_the_job_both_users_and_the_time() -> None:
    """One is enough, also if its own user got it as well."""
    verdict = judged(*BOTH, *BOTH_JOBS, cross_talk(1.35, "a", "ann", "ben"))
    assert (verdict.outcome, codes(verdict)[0]) == ("FAIL", "event.of_another")
    assert verdict.because[0].text == (
        "1 events of one user's job arrived at another user: a of ann at ben at 1.350 s"
    )


def test_an_event_that_only_another_user_got_fails() -> None:
    """The job was not delivered at all."""
    sent, _ = chat(1.2, "ann", "a")
    assert judged(*BOTH, sent, cross_talk(1.35, "a", "ann", "ben")).outcome == "FAIL"


def test_an_event_that_came_while_one_user_was_not_subscribed_shows_nothing() -> None:
    """That user may have got it as well: before the subscription, and after it."""
    late = (*subscribed("ann", 1.0, 9.0), *subscribed("ben", 1.25, 9.0))
    gone = (*subscribed("ann", 1.0, 9.0), *subscribed("ben", 1.1, 1.35, "the app ended it"))
    for events in (late, gone):
        verdict = judged(*events, *BOTH_JOBS)
        assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "event.few_compared")
    assert data(judged(*late, *BOTH_JOBS), "event.few_compared")["user"] == "ann"
    assert data(judged(*gone, *BOTH_JOBS), "event.few_compared")["user"] == "ben"


def test_a_subscription_of_one_user_is_none_of_the_other() -> None:
    """Nobody was there who could get another user's events."""
    assert judged(*subscribed("ann", 1.0, 9.0), *BOTH_JOBS).outcome == "UNKNOWN"


def test_events_of_another_request_do_not_count() -> None:
    """Each place is another one."""
    other = replace(cross_talk(1.35, "a", "ann", "ben"), request="job")
    assert judged(*BOTH, *BOTH_JOBS, other).outcome == "PASS"


def test_a_run_waits_for_jobs_of_every_user_after_the_heal() -> None:
    """It knows of a subscription before that ends. A cross-talk ends the wait."""
    plan = plan_of(SeparatesUsers(at_least=3), faults=(DOWN,))
    (e,) = plan.expect
    assert isinstance(e, SeparatesUsers)

    def waits_for(now_s: float, *more: AnyEvent) -> str | None:
        known = [event for event in (*chatting(), *more) if event.at_s < now_s]
        return e.waits_for(replace(run_of([], plan), history=history_of(known)), now_s)

    assert waits_for(2.0) == "3 more jobs of ann"
    assert waits_for(5.25) == "2 more jobs of ann"
    assert waits_for(5.55) == "1 more jobs of ben"
    assert waits_for(5.65) is None
    assert waits_for(2.0, cross_talk(1.9, "c1.8", "ann", "ben")) is None
