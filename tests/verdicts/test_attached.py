"""Verdicts on a system that ran before the lab: what is claimed, and by which evidence."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from chaoslab import CutMidstream, Flapping, OneWay, Severed, Slow
from chaoslab.expectations import Degrades, Recovers, Starts
from chaoslab.history.events import AnyEvent, FirstAnswer, LinkConnection, LinkSessions, Spawned
from chaoslab.model.faults import Declared
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    UNREACHABLE,
    back,
    canary,
    complete,
    ended,
    fault,
    samples,
    write,
)
from .histories import judged, outcomes
from .plans import BOTH, PG, REDIS
from .reading import data

CUT = Severed(name="cut", target="vpc", mode="refused")


def standing(at_s: float = 0.3) -> Spawned:
    return Spawned(
        at_s=at_s, app="backend", boot=1, pid=0, port=8080, argv=(), env={}, standing=True
    )


def sessions(at_s: float, link: str, *numbers: int) -> LinkSessions:
    return LinkSessions(at_s=at_s, link=link, sessions=numbers)


def run(*evidence: AnyEvent) -> list[AnyEvent]:
    """The app is up at 0.3, cut off and degraded from 1.0 to 2.0, and healthy after that."""
    return [
        standing(),
        FirstAnswer(at_s=0.31, app="backend", boot=1, status_code=200),
        complete(0.32, HEALTHY),
        *samples(0.3, 1.0, HEALTHY),
        *fault("cut", 1.0, 1.05, 2.0, 2.02),
        *samples(1.1, 2.3, DEGRADED, *BOTH),
        *samples(2.3, 3.2, HEALTHY),
        write(2.4, "proof-1", purpose="proof"),
        back(2.5, "proof-1"),
        back(3.2, "proof-1"),
        ended(3.3),
        *evidence,
    ]


def gone() -> list[AnyEvent]:
    """Three sessions at Postgres and one at Redis, which the fault ends, and new ones after it."""
    return [
        sessions(0.4, PG, 11, 12, 13),
        sessions(0.4, REDIS, 4),
        sessions(1.1, PG),
        sessions(1.1, REDIS),
        sessions(2.3, PG, 21),
        sessions(2.3, REDIS, 5),
    ]


def told(events: Iterable[AnyEvent], what: Declared = CUT) -> list[Verdict]:
    expected = (Starts(mode="normal"), Degrades(naming=BOTH), Recovers())
    return judged(events, *expected, faults=(what,))


def test_sessions_that_end_at_the_servers_show_the_fault() -> None:
    """For an app on another machine this is the only evidence, and it is enough."""
    verdicts = told(run(*gone()))
    assert outcomes(verdicts) == ["PASS"] * 3, verdicts
    shown = (
        "cut observed on backend.postgres: 3 of 3 sessions through the proxy ended at the server"
    )
    assert all(shown in verdict.texts for verdict in verdicts)


def test_a_start_up_that_nobody_saw_is_not_claimed() -> None:
    """The claim is only that the app is up. A restart by others would not be observed."""
    starts, _, recovers = told(run(*gone()))
    assert starts.claim == "backend, which was running already, is up normal when the lab attaches"
    assert starts.because[0].code == "start.complete"
    assert data(starts, "start.complete") == {"after_s": 0.02, "state": "healthy", "attached": True}
    assert recovers.claim.endswith("stays healthy for 0.4 s (a restart of it is not observed)")
    assert not any("process" in reason for reason in recovers.texts)


def test_without_any_evidence_nothing_is_known() -> None:
    """The app may never have used the proxy."""
    assert outcomes(told(run())) == ["UNKNOWN"] * 3


def test_sessions_that_live_on_show_nothing() -> None:
    """Open sessions from the proxy's address are no evidence of a fault."""
    stay = [sessions(0.4, PG, 11, 12), sessions(0.4, REDIS, 4)]
    assert outcomes(told(run(*stay))) == ["UNKNOWN"] * 3


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (CUT, "UNKNOWN"),
        (Flapping(name="cut", target="vpc", period_s=0.4), "UNKNOWN"),
        (Severed(name="cut", target="vpc", mode="silent"), "PASS"),
        (OneWay(name="cut", target="vpc"), "PASS"),
        (CutMidstream(name="cut", target="vpc", after_bytes=9), "PASS"),
        (Slow(name="cut", target="vpc", latency_s=1), "UNKNOWN"),
    ],
)
def test_one_session_of_three_that_ends_is_enough_only_where_each_has_its_own_time(
    what: Declared, outcome: str
) -> None:
    """A closed proxy ends all sessions at once. In a silence each ends by its own time-out. Under a
    slow link an ended session shows nothing.
    """
    one = [
        sessions(0.4, PG, 11, 12, 13),
        sessions(1.4, PG, 12, 13),
        sessions(0.4, REDIS, 4, 5),
        sessions(1.4, REDIS, 5),
    ]
    assert outcomes(told(run(*one), what)) == [outcome] * 3


def test_sessions_that_came_and_went_under_the_fault_show_nothing() -> None:
    """They may be canaries of the lab."""
    brief = [
        *(sessions(0.4, link) for link in (PG, REDIS)),
        *(sessions(1.2, link, 9) for link in (PG, REDIS)),
        *(sessions(1.3, link) for link in (PG, REDIS)),
    ]
    silent = Severed(name="cut", target="vpc", mode="silent")
    assert outcomes(told(run(*brief), silent)) == ["UNKNOWN"] * 3


def test_a_history_that_is_cut_short_before_the_next_look_shows_nothing() -> None:
    """The sessions were open at the only read."""
    short = [event for event in run(*gone()) if event.at_s <= 1.09]
    assert outcomes(told(short)) == ["UNKNOWN"] * 3


def test_a_link_without_evidence_of_its_own_leaves_its_name_unproved() -> None:
    """Only the link to Postgres has evidence, so naming Redis as lost may be a guess."""
    half = [event for event in gone() if isinstance(event, LinkSessions) and event.link == PG]
    starts, degrades, recovers = told(run(*half))
    assert outcomes([starts, degrades, recovers]) == ["PASS", "UNKNOWN", "PASS"]
    assert "cut was not observed to affect the link to redis" in degrades.texts


def test_connections_from_before_the_lab_came_are_the_apps() -> None:
    """The app's pool is older than the run. The engine's records show it."""
    records = [
        LinkConnection(
            at_s=1.9, link=link, fault="cut", connection=1, client_port=5, opened_s=-4000.0,
            closed_s=1.01, bytes_upstream=9, bytes_downstream=9, held_upstream=0,
            held_downstream=0, effects=(), end="reset_by_fault",
        )
        for link in (PG, REDIS)
    ]  # fmt: skip
    assert outcomes(told(run(*records))) == ["PASS"] * 3


def test_an_app_that_is_down_when_the_lab_attaches_is_reported() -> None:
    """Its address never answered."""
    events: list[AnyEvent] = [
        standing(),
        *samples(0.3, 4.0, UNREACHABLE),
        canary(0.2, PG, "answered"),
        ended(4.0),
    ]
    (verdict,) = judged(events, Starts(mode="normal", rests_on=()), faults=())
    assert verdict.outcome.value == "FAIL"
    assert verdict.because[0].code == "start.no_answer"
    assert data(verdict, "start.no_answer") == {
        "port": 8080,
        "addresses": (),
        "listened_after_s": None,
    }
