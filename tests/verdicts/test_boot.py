"""Start-up, judged from outside: PASS, FAIL and UNKNOWN, each for its own reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import FailsFast, Starts
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    FirstAnswer,
    HealthUnread,
    Listening,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    complete,
    ended,
    exited,
    of,
    sample,
    samples,
    snapshot,
    spawned,
    without,
)
from .histories import good, run_of
from .plans import TOPOLOGY, app, with_app
from .reading import codes, data

SAID = ("INFO profile lab: postgres at 127.0.0.1:5432", "retrying", "ERROR postgres unreachable")


CONTRACT = TOPOLOGY.apps["backend"].health


def started(
    events: list[AnyEvent], contract: HealthContract = CONTRACT, **changed: object
) -> Verdict:
    expected = {"app": "backend", "within_s": 3.0, "mode": "degraded"} | changed
    topology = with_app(replace(app("backend"), health=contract))
    return Starts(**expected).judged(run_of(events, topology=topology))  # type: ignore[arg-type]


def failed_fast(events: list[AnyEvent], naming: tuple[str, ...] = ("postgres",)) -> Verdict:
    e = FailsFast(naming=naming, app="backend", within_s=3.0, exit_code=3)
    return e.judged(run_of(events))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def test_a_start_in_time_in_the_mode_expected_passes() -> None:
    """Complete 1.6 s after the spawn, degraded, every phase completed."""
    verdict = started(good(), startup_mode="emergency_degraded")
    assert verdict.outcome == "PASS"
    assert "1.600 s after the spawn" in why(verdict)


def test_a_start_that_was_never_tried_is_unknown() -> None:
    """The boot was not spawned."""
    assert started(good(), boot=2).outcome == "UNKNOWN"


@pytest.mark.parametrize(("within_s", "outcome"), [(1.7, "PASS"), (1.5, "FAIL")])
def test_the_bound_counts_from_the_spawn(within_s: float, outcome: str) -> None:
    """1.6 s are within 1.7 s and not within 1.5 s."""
    assert started(good(), within_s=within_s).outcome == outcome


@pytest.mark.parametrize(
    ("changed", "code", "cited"),
    [
        ({"mode": "normal"}, "start.other_state", {"state": "degraded", "expected": ("healthy",)}),
        (
            {"startup_mode": "normal"},
            "start.other_mode",
            {"published": "emergency_degraded", "expected": "normal"},
        ),
    ],
)
def test_a_start_in_another_mode_fails(
    changed: dict[str, object], code: str, cited: dict[str, object]
) -> None:
    """Health, or the app itself, reports another mode than expected."""
    verdict = started(good(), **changed)
    assert (verdict.outcome, data(verdict, code)) == ("FAIL", cited)


@pytest.mark.parametrize(
    ("published", "code", "phases"),
    [
        ({"failed_phases": ("database",)}, "start.phases_failed", ("database",)),
        ({"failed": True}, "start.phases_failed", ()),
        ({"completed_phases": ("init", "database")}, "start.phases_missing", ("finalize",)),
    ],
)
def test_a_start_with_a_phase_left_behind_fails(
    published: dict[str, object], code: str, phases: tuple[str, ...]
) -> None:
    """The app reports a complete start-up, but not all of its phases."""
    events = [*without(good(), of(StartupSnapshot)), snapshot(2.0, **published)]
    verdict = started(events)
    assert (verdict.outcome, data(verdict, code)) == ("FAIL", {"phases": phases})


@pytest.mark.parametrize("state", [UNHEALTHY, UNREACHABLE])
def test_a_start_that_ends_unhealthy_fails_in_whatever_mode(state: HealthState) -> None:
    """A 200 with the word `down` is no start. Without a mode, healthy and degraded both count."""
    bare = without(good(), of(StartupComplete))
    verdict = started([*bare, complete(2.0, state)], mode=None)
    assert verdict.outcome == "FAIL"
    other = {"state": state.value, "expected": ("healthy", "degraded")}
    assert data(verdict, "start.other_state") == other
    for served in (HEALTHY, DEGRADED):
        assert started([*bare, complete(2.0, served)], mode=None).outcome == "PASS"


def test_a_start_that_was_never_healthy_says_what_health_said() -> None:
    """The reason has the word of the body, or that the body was not readable."""
    never = without(good(), lambda e: isinstance(e, StartupComplete) or e.at_s > 2.0)
    down = [*never, replace(sample(3.5, UNHEALTHY), status_code=200, word="down"), ended(4.3)]
    page = [*never, replace(sample(3.5, UNHEALTHY), error="answered with text/html"), ended(4.3)]
    assert [started(events).outcome for events in (down, page)] == ["FAIL", "FAIL"]
    answer = data(started(down), "health.answered")
    assert (answer["status_code"], answer["word"]) == (200, "down")
    assert data(started(page), "health.answered")["error"] == "answered with text/html"


def test_a_word_that_the_contract_does_not_have_is_named_as_such() -> None:
    """The app may be well; then the fix is a line in the topology."""
    never = without(good(), lambda e: isinstance(e, StartupComplete) or e.at_s > 2.0)
    answer = replace(sample(3.5, UNHEALTHY), status_code=200, word="GOOD")
    unread = HealthUnread(at_s=3.6, app="backend", boot=1, status_code=200, word="GOOD")
    verdict = started([*never, answer, unread, ended(4.3)])
    assert verdict.outcome == "FAIL"
    assert data(verdict, "health.unknown_word") == {"word": "GOOD", "app": "backend"}
    for others in ([], [replace(unread, word="booting")], [replace(unread, word="", why="x")]):
        verdict = started([*never, answer, *others, ended(4.3)])
        assert "health.unknown_word" not in codes(verdict)


def test_a_phase_that_the_contract_asks_for_must_have_been() -> None:
    """A phase that is in none of the app's lists is missing, and the start fails."""
    asks = replace(CONTRACT, phases=("init", "database", "cache", "finalize"))
    assert started(good(), asks).outcome == "PASS"
    short = [
        *without(good(), of(StartupSnapshot)),
        snapshot(2.0, completed_phases=("init",), phase_timings_s={}),
    ]
    assert started(short, CONTRACT).outcome == "PASS"
    verdict = started(short, asks)
    assert verdict.outcome == "FAIL"
    missing = data(verdict, "start.phases_missing")
    assert missing == {"phases": ("finalize",)}  # two are published as degraded
    unanswered = started(without(good(), of(StartupSnapshot)), asks)
    assert (unanswered.outcome, "start.no_phases" in codes(unanswered)) == ("FAIL", True)


def test_exited_silent_and_listening_without_end_are_three_failures() -> None:
    """The reason says whether the process exited, never listened, or listened without an answer."""
    never = without(good(), of(StartupComplete, StartupSnapshot))
    alive = [*without(never, lambda e: e.kind == "exited"), ended(4.3)]
    unanswered = without(alive, of(Bound, FirstAnswer))
    gone = [*never, exited(1.0, code=3, asked=False, log=SAID)]
    gone = without(gone, lambda e: e.kind == "exited" and e.at_s > 2.0)
    verdicts = [started(events) for events in (alive, unanswered, gone)]
    assert [v.outcome for v in verdicts] == ["FAIL"] * 3
    assert codes(verdicts[0])[0] == "start.answering"
    assert data(verdicts[1], "start.never_listened") == {"port": 8000}
    end = data(verdicts[2], "start.exited")
    assert (end["exit_code"], end["after_s"]) == (3, 0.6)
    assert "ERROR postgres unreachable" in why(verdicts[2])


def test_a_start_cut_short_before_its_bound_is_unknown() -> None:
    """The run ended after 1.6 s of the 3 s that the start may take."""
    cut = [spawned(0.4), *samples(0.45, 2.0, UNHEALTHY), exited(2.0), ended(2.0, settled=False)]
    assert started(cut).outcome == "UNKNOWN"
    late = [spawned(0.4), *samples(0.45, 3.5, UNHEALTHY), exited(3.5), ended(3.5, settled=False)]
    assert started(late).outcome == "FAIL"


def test_a_process_that_ended_by_itself_before_it_was_complete_fails() -> None:
    """A second process on the same port does not make the first start good."""
    events = [*good(), exited(1.5, code=1, asked=False)]
    assert started(without(events, lambda e: e.kind == "exited" and e.asked)).outcome == "FAIL"


def dead(at_s: float = 1.5, *, code: int = 3, log: tuple[str, ...] = SAID) -> list[AnyEvent]:
    return [
        spawned(0.4),
        *samples(0.45, at_s, UNREACHABLE),
        exited(at_s, code=code, asked=False, log=log),
        ended(at_s + 0.1),
    ]


def test_a_quick_end_that_names_its_cause_passes() -> None:
    """Exit 3, 1.1 s after the spawn, and the last line names postgres."""
    assert failed_fast(dead()).outcome == "PASS"


def test_the_name_is_found_in_any_case() -> None:
    """`Postgres` is named by `postgres`."""
    assert failed_fast(dead(), naming=("Postgres",)).outcome == "PASS"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (dead(4.0), "0.600 s too late"),
        (dead(code=1), "expected exit code 3, got 1"),
        (dead(code=-9), "expected exit code 3, got -9"),
        (dead(log=("ERROR bad key",)), "do not name postgres"),
        (dead(log=()), "do not name postgres"),
        (dead(log=(SAID[0], *("Traceback",) * 5)), "do not name postgres"),
    ],
    ids=[
        "late",
        "another code",
        "killed",
        "another cause",
        "unanswered",
        "named by the banner alone",
    ],
)
def test_an_end_that_is_late_wrong_or_without_a_cause_fails(
    events: list[AnyEvent], reason: str
) -> None:
    """It must be in time, with the right exit code, and with the cause in the last log lines."""
    verdict = failed_fast(events)
    assert (verdict.outcome, reason in why(verdict)) == ("FAIL", True)


@pytest.mark.parametrize("code", [1, 3, 137, -6])
def test_without_arguments_any_exit_but_0_in_time_passes(code: int) -> None:
    """Whatever the app logs: many log nothing before they exit."""
    e = FailsFast(app="backend", within_s=3.0)
    verdict = e.judged(run_of(dead(code=code, log=())))
    assert (verdict.outcome, "with a non-zero code within 3.0 s" in verdict.claim) == ("PASS", True)


@pytest.mark.parametrize(
    ("events", "reason"),
    [(dead(code=0), "expected a non-zero exit code, got 0"), (dead(4.0), "0.600 s too late")],
)
def test_without_arguments_a_late_exit_or_one_with_0_fails(
    events: list[AnyEvent], reason: str
) -> None:
    """A supervisor that restarts on failure does not restart after 0."""
    verdict = FailsFast(app="backend", within_s=3.0).judged(run_of(events))
    assert (verdict.outcome, reason in why(verdict)) == ("FAIL", True)


def test_a_process_that_lives_on_fails() -> None:
    """The lab had to stop it after the bound."""
    events = [spawned(0.4), *samples(0.45, 3.6, UNHEALTHY), exited(3.6), ended(3.7)]
    assert failed_fast(events).outcome == "FAIL"


def test_a_process_that_was_stopped_before_the_bound_is_unknown() -> None:
    """It might have ended by itself in the remaining time."""
    events = [spawned(0.4), *samples(0.45, 1.0, UNHEALTHY), exited(1.0), ended(1.1, settled=False)]
    assert failed_fast(events).outcome == "UNKNOWN"


@pytest.mark.parametrize("state", [HEALTHY, DEGRADED])
def test_an_app_that_said_it_was_up_before_it_ended_fails(state: object) -> None:
    """It answered ready, so it did not fail fast."""
    said = sample(1.0, state)  # type: ignore[arg-type]
    assert failed_fast([*dead(), said]).outcome == "FAIL"
    assert failed_fast([*dead(), complete(1.0, HEALTHY)]).outcome == "FAIL"


def never_up(*instead: AnyEvent, until_s: float = 4.3) -> list[AnyEvent]:
    """A boot at 0.4 that never completes, with these events, watched until after its bound."""
    return [spawned(0.4), *instead, ended(until_s)]


BOUND = Bound(at_s=0.9, app="backend", boot=1)
ANSWERED = FirstAnswer(at_s=0.95, app="backend", boot=1, status_code=503)
DIED = exited(1.6, code=1, asked=False, log=SAID)


def test_a_process_that_never_answered_differs_from_one_that_had_answered() -> None:
    """The reasons distinguish a process that never answered from one that answered 503."""
    unanswered = started(never_up(BOUND, DIED))
    told = started(never_up(BOUND, ANSWERED, *samples(0.95, 1.6, UNHEALTHY), DIED))
    bare = started(never_up(DIED))
    assert [v.outcome for v in (unanswered, told, bare)] == ["FAIL"] * 3
    died = {"exit_code": 1, "after_s": 1.2, "port": 8000}
    open_port = died | {"listened": True, "listened_after_s": 0.5}
    silent = open_port | {"answered": False, "first_status_code": None}
    assert data(unanswered, "start.exited") == silent
    answered = open_port | {"answered": True, "first_status_code": 503}
    assert data(told, "start.exited") == answered
    assert data(told, "health.answered")["status_code"] == 503
    closed = {"listened": False, "listened_after_s": None}
    assert data(bare, "start.exited") == silent | closed
    assert unanswered.texts[0] == (
        "listened on port 8000 after 0.500 s, never answered, exited with 1 after 1.200 s"
    )
    assert "answered 503 first, exited with 1 after 1.200 s" in why(told)
    assert bare.texts[0] == "exited with 1 after 1.200 s"


def test_a_listener_that_never_answers_health_is_named_with_its_addresses() -> None:
    """It may listen at another address than the one that is asked; old runs do not know it."""
    told = {"port": 8000, "listened_after_s": 0.5}
    verdict = started(never_up(replace(BOUND, addresses=("198.18.1.1", "::1"))))
    addresses = ("198.18.1.1", "::1")
    assert data(verdict, "start.no_answer") == told | {"addresses": addresses}
    listened = "listened on port 8000 at 198.18.1.1 and ::1 after 0.500 s"
    assert verdict.texts[0] == f"{listened}, but never answered health"
    old = started(never_up(BOUND))
    assert old.texts[0] == "listened on port 8000 after 0.500 s, but never answered health"


def test_another_port_than_the_one_that_is_routed_is_named() -> None:
    """The process listened on a port to which no traffic goes, whether it still runs or not."""
    elsewhere = Listening(at_s=0.9, app="backend", boot=1, ports=(8001,))
    told = {"other_ports": (8001,), "port": 8000}
    for events in (never_up(elsewhere), never_up(elsewhere, DIED)):
        verdict = started(events)
        assert (verdict.outcome, data(verdict, "start.other_port")) == ("FAIL", told)
    both = replace(elsewhere, ports=(8000, 8001))
    assert "start.other_port" not in codes(started(never_up(both, BOUND, ANSWERED)))


def test_a_start_that_hangs_or_dies_says_how_far_it_came() -> None:
    """The reasons have completed phases, failed phases, and the last answer of health."""
    far = snapshot(
        1.5,
        complete=False,
        failed=True,
        completed_phases=("init", "dependencies"),
        failed_phases=("database",),
    )
    starting = replace(sample(3.6, UNHEALTHY), word="starting")
    for end in ((), (DIED,)):
        verdict = started(never_up(BOUND, ANSWERED, far, starting, *end))
        assert verdict.outcome == "FAIL"
        assert data(verdict, "start.phases_done") == {"phases": ("init", "dependencies")}
        assert data(verdict, "start.phases_failed") == {"phases": ("database",)}
        answer = data(verdict, "health.answered")
        assert (answer["status_code"], answer["word"]) == (503, "starting")


def test_a_start_that_a_supervisor_repeats_says_so() -> None:
    """The first boot is judged. The reasons say that two others followed."""
    again = [replace(spawned(at_s, boot), restart=True) for boot, at_s in ((2, 1.7), (3, 3.0))]
    verdict = started(never_up(BOUND, DIED, *again))
    assert (verdict.outcome, data(verdict, "start.restarted")) == ("FAIL", {"count": 2})


def test_a_start_that_dies_right_after_it_was_complete_is_none() -> None:
    """It fails where it ends within the time for the start."""
    events = without(good(), lambda e: e.kind == "exited")
    verdict = started([*events, exited(2.9, code=1, asked=False, log=SAID)])
    assert verdict.outcome == "FAIL"
    gone = data(verdict, "start.exited_after_complete")
    assert gone == {"exit_code": 1, "after_s": 2.5}
    assert started([*events, exited(4.1, code=1, asked=False)]).outcome == "PASS"


def test_a_start_is_good_only_where_its_end_would_have_been_seen() -> None:
    """An interrupted run may have missed an exit. A settled run, or one watched to the bound, has
    not.
    """
    events = without(good(), lambda e: e.kind in ("exited", "run_ended") or e.at_s > 2.5)
    assert started([*events, ended(2.6)]).outcome == "PASS"
    assert started([*events, ended(2.6, settled=False)]).outcome == "UNKNOWN"
    assert started([*events, ended(3.5, settled=False)]).outcome == "PASS"


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [(("UNREACHABLE",), "PASS"), (("refused", "unreachable"), "PASS"), (("refused",), "FAIL")],
)
def test_the_cause_must_stand_in_the_last_words(cause: tuple[str, ...], outcome: str) -> None:
    """One of the names must be in the last log lines. The reasons quote what was expected."""
    e = FailsFast(naming=("postgres",), cause=cause, app="backend", within_s=3.0)
    verdict = e.judged(run_of(dead()))
    assert verdict.outcome == outcome
    assert "log: ERROR postgres unreachable" in why(verdict)
    if outcome == "FAIL":
        assert "do not name the cause, expected one of: 'refused'" in why(verdict)


def test_a_start_whose_bound_passed_between_two_questions_is_unknown() -> None:
    """The app is asked each 2 s: starting at 1.0 s, healthy at 3.0 s, with the bound at 2.0 s."""
    seldom = [sample(1.0, UNHEALTHY), sample(3.0, HEALTHY)]
    run = [
        spawned(0.4),
        *seldom,
        snapshot(3.01, mode="normal", degraded_phases=()),
        complete(3.02, HEALTHY),
        ended(6.0),
    ]
    verdict = started(run, mode="normal", within_s=2.0)
    assert verdict.outcome == "UNKNOWN"
    between = {"last_s": 1.01, "asked_s": 3.0, "bound_s": 2.4}
    assert data(verdict, "health.not_asked_at_bound") == between
    often = [*run, *samples(1.05, 2.95, UNHEALTHY)]
    assert started(often, mode="normal", within_s=2.0).outcome == "FAIL"
