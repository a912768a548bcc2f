"""Why an app is not healthy in its steady state: what a new user reads first."""

from __future__ import annotations

import pytest
from rigs.cell_histories import (
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    health,
    live,
    requests,
    stop,
    topology,
    up,
)

from chaoslab.behaviour.steady import Problem, problem_of
from chaoslab.history.events import AnyEvent, Listening
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState

STEADY = cell("none")


def problem(*groups: list[AnyEvent]) -> Problem | None:
    """The problem of a steady state with these events."""
    events = tuple(event for group in groups for event in group)
    seen = behaviour(STEADY, events)
    return problem_of(seen, topology().apps["web"], History(events))


def test_a_healthy_app_has_no_problem() -> None:
    """It starts, answers and stops."""
    assert problem(up(), all_well(1.6, 3.5), stop(3.5), end(4.0)) is None


def test_an_app_that_exits_has_its_code_and_its_last_words() -> None:
    """The log is told apart from what the lab observed."""
    found = problem(boot(0.5), exits(1.5, 1, "Traceback", "KeyError: 'DATABASE_URL'"), end(2.0))
    assert found is not None
    assert [str(reason) for reason in found.because] == ["exited with 1 after 1.000 s"]
    assert found.log == ("Traceback", "KeyError: 'DATABASE_URL'")
    assert "command and env" in found.fix


def test_an_app_on_another_port_gets_the_fix() -> None:
    """A port that is written into the app is a common first mistake."""
    ports: list[AnyEvent] = [Listening(at_s=1.0, app="web", boot=1, ports=(3000,))]
    found = problem(boot(0.5), ports, stop(30.0), end(31.0))
    assert found is not None
    assert "listens on port 3000, never on port 80" in str(found.because[0])
    assert 'PORT = "{port}"' in found.fix


def test_an_app_that_never_listens_gets_the_deadline_that_it_had() -> None:
    """It may need longer."""
    found = problem(boot(0.5), stop(30.0), end(31.0))
    assert found is not None
    assert "never listened on port 80" in str(found.because[0])
    assert "startup_s in [apps.web.deadlines] (30 s)" in found.fix


def test_health_that_is_not_healthy_is_quoted() -> None:
    """As where a status field or a word is declared wrongly."""
    answers = health(1.6, 3.5, HealthState.DEGRADED)
    found = problem(up(), answers, live(1.6, 3.5), both(1.6, 3.5), stop(3.5), end(4.0))
    assert found is not None
    assert "/healthcheck is not healthy: health answered 200 'degraded'" in str(found.because[0])


def test_a_request_that_fails_has_its_last_answer() -> None:
    """As where a path is declared wrongly."""
    well = [*health(1.6, 3.5), *live(1.6, 3.5), *requests(1.6, 3.5, name="list")]
    wrong = requests(1.6, 3.6, "failed", code=404)
    found = problem(up(), well, wrong, stop(3.5), end(4.0))
    assert found is not None
    assert str(found.because[0]).startswith("request 'order' (POST /order): 10 of 10 failed")
    assert str(found.because[0]).endswith("the last one: 404")


def test_a_request_that_fails_once_at_first_is_no_problem() -> None:
    """The app serves at the end."""
    first = requests(1.6, 1.8, "failed", code=503)
    rest = [*requests(1.8, 3.5), *requests(1.6, 3.5, name="list")]
    events = (up(), health(1.6, 3.5), live(1.6, 3.5), first, rest, stop(3.5), end(4.0))
    assert problem(*events) is None


def by_turns(*good: bool) -> list[AnyEvent]:
    """Requests of one name, every 0.2 s, and what else is well."""
    sent: list[AnyEvent] = []
    for n, ok in enumerate(good):
        at_s = round(1.6 + 0.2 * n, 2)
        sent += requests(at_s, at_s + 0.2, "ok" if ok else "failed", code=200 if ok else 500)
    well = [*health(1.6, 3.6), *live(1.6, 3.6), *requests(1.6, 3.6, name="list")]
    return [*up(), *well, *sent, *stop(3.7), *end(4.0)]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ((*(False,) * 9, True), 9),
        ((False, False, True) * 3, 6),
        ((True, True, False, True, True, True), 1),
        ((False, False, True), 2),
        ((*(False,) * 4, True, True), 4),
    ],
)
def test_a_request_that_fails_by_turns_is_a_problem(good: tuple[bool, ...], bad: int) -> None:
    """The last answer alone does not show that it is served. The last failure is quoted."""
    found = problem(by_turns(*good))
    assert found is not None
    assert str(found.because[0]) == (
        f"request 'order' (POST /order): {bad} of {len(good)} failed; the last one: 500"
    )


@pytest.mark.parametrize(
    "good",
    [
        (False, True),
        (False, True, True),
        (False, False, True, True),
        (*(False,) * 6, True, True, True),
        (True, True),
        (True,),
    ],
)
def test_a_request_that_fails_only_at_first_is_no_problem(good: tuple[bool, ...]) -> None:
    """At the end it was good three times in a row, or as often as it had failed."""
    assert problem(by_turns(*good)) is None
