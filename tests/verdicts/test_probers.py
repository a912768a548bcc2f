"""Liveness and the prober's limit: three misses in a row fail, fewer do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaoslab.evidence.probes import watch_under_way
from chaoslab.expectations import AnswersInTime, StaysLive
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    FirstAnswer,
    HealthSample,
    ProberSample,
    QuestionsAsked,
)
from chaoslab.model.health import HealthContract
from chaoslab.model.verdict import Verdict

from .events import (
    HEALTHY,
    UNREACHABLE,
    between,
    ended,
    exited,
    of,
    probed,
    sample,
    samples,
    without,
)
from .histories import healthy_run, history_of, run_of
from .plans import app, plan_of, with_app
from .reading import codes, data


def live(events: Iterable[AnyEvent]) -> Verdict:
    e = StaysLive(app="backend")
    return e.judged(run_of(events))


def in_time(events: Iterable[AnyEvent], contract: HealthContract | None = None) -> Verdict:
    backend = app("backend")
    backend = replace(backend, health=contract or backend.health)
    return AnswersInTime(app="backend").judged(run_of(events, topology=with_app(backend)))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def asked(*paths: str, until_s: float = 5.0) -> list[AnyEvent]:
    """A healthy run from 1.0 on, answered first at 0.9, whose paths are asked from there on."""
    return [
        *healthy_run(until_s),
        FirstAnswer(at_s=0.9, app="backend", boot=1, status_code=503),
        *(p for path in paths for p in probed(path, 0.9, until_s)),  # type: ignore[arg-type]
        exited(until_s + 0.1),
        ended(until_s + 0.2),
    ]


def steady() -> list[AnyEvent]:
    return asked("live", "ready")


def missing(path: str, start_s: float, end_s: float, *instead: AnyEvent) -> list[AnyEvent]:
    """The steady run with other samples of one path in this part of it."""
    kept = without(
        steady(),
        lambda e: isinstance(e, ProberSample) and e.path == path and start_s <= e.at_s < end_s,
    )
    return [*kept, *instead]


def deaf(start_s: float, end_s: float) -> list[AnyEvent]:
    """A process that answers on no path between these times, and then answers everything."""

    def late(e: AnyEvent) -> AnyEvent:
        if not isinstance(e, HealthSample | ProberSample) or not start_s <= e.at_s < end_s:
            return e
        limit_s = 0.5 if isinstance(e, ProberSample) else 1.0
        wait_s = end_s + 0.01 - e.at_s
        if wait_s <= limit_s:
            return replace(e, took_s=wait_s)
        if isinstance(e, HealthSample):
            return sample(e.at_s, UNREACHABLE, took_s=limit_s)
        return replace(e, took_s=limit_s, status_code=None, error="ReadTimeout")

    return [late(e) for e in steady()]


def test_a_process_that_always_answers_is_live_and_in_time() -> None:
    """Forty answers of each path, and the slowest is reported."""
    for verdict in (live(steady()), in_time(steady())):
        assert (verdict.outcome, "the slowest took 0.010 s" in why(verdict)) == ("PASS", True)


@pytest.mark.parametrize(("count", "outcome"), [(2, "PASS"), (3, "FAIL")])
def test_a_prober_acts_after_three_misses_in_a_row(count: int, outcome: str) -> None:
    """Three answers of 503 with good ones around them; two change nothing."""
    end_s = 2.0 + 0.1 * count
    bad = probed("live", 2.0, end_s, 503)
    verdict = live(missing("live", 2.0, end_s, *bad))
    assert verdict.outcome == outcome
    if outcome == "FAIL":
        assert "liveness gave no 2xx within 0.5 s 3 times in a row, from 2.000 s on (503)" in why(
            verdict
        )
        assert "health answered" in why(verdict)
        row = data(verdict, "prober.not_2xx")
        assert (row["path"], row["from_s"], row["limit_s"]) == ("liveness", 2.0, 0.5)
        assert row["status_codes"] == (503, 503, 503)


def test_misses_with_a_good_answer_between_are_not_in_a_row() -> None:
    """Every second one of forty."""
    bad = [p for i, p in enumerate(probed("live", 2.0, 4.0, 503)) if i % 2]
    good = [p for i, p in enumerate(probed("live", 2.0, 4.0)) if not i % 2]
    assert live(missing("live", 2.0, 4.0, *bad, *good)).outcome == "PASS"


@pytest.mark.parametrize(
    ("paused_s", "outcome"), [(0.6, "PASS"), (1.0, "PASS"), (1.4, "PASS"), (1.8, "FAIL")]
)
def test_one_pause_of_the_machine_is_not_counted_many_times(paused_s: float, outcome: str) -> None:
    """Overlapping samples in one short pause are not three misses in a row."""
    events = deaf(2.0, 2.0 + paused_s)
    assert [live(events).outcome, in_time(events).outcome] == [outcome, outcome]


def test_a_blocked_event_loop_is_distinguished_from_a_wrong_liveness() -> None:
    """No path answered while the process ran."""
    for verdict in (live(deaf(2.0, 4.0)), in_time(deaf(2.0, 4.0))):
        paths = "health, liveness and readiness gave no answer from 1.960 to 4.010 s"
        blocked = "and the process lived, as when its event loop or all its workers are blocked"
        assert f"{paths}, {blocked}" in why(verdict)
        assert codes(verdict).count("prober.none_answered") == 1, "once, not under each path"


@pytest.mark.parametrize("unasked", ["live", "ready"])
def test_a_path_that_was_not_asked_is_not_claimed_to_be_silent(unasked: str) -> None:
    """A declared path that was not asked is listed, and the app is not called blocked."""
    events = without(deaf(2.0, 4.0), lambda e: isinstance(e, ProberSample) and e.path == unasked)
    verdict = in_time(events) if unasked == "live" else live(events)
    asked, other = {
        "live": ("health and readiness", "liveness"),
        "ready": ("health and liveness", "readiness"),
    }[unasked]
    assert verdict.outcome == "FAIL"
    assert f"{asked} gave no answer from 1.960 to 4.010 s, and the process lived" in why(verdict)
    assert f"{other} was not asked" in why(verdict)
    assert "prober.none_answered" not in codes(verdict)


def test_a_path_that_the_app_does_not_declare_need_not_be_asked() -> None:
    """All that there is was asked, and none of it answered."""
    contract = HealthContract(prober_timeout_s=0.5, ready_path="/ready")
    events = without(deaf(2.0, 4.0), lambda e: isinstance(e, ProberSample) and e.path == "live")
    silent = data(in_time(events, contract), "prober.none_answered")
    assert silent["paths"] == ("health", "readiness")


def test_liveness_that_hangs_alone_is_no_blocked_loop() -> None:
    """Health answered at the same time."""
    verdict = live(missing("live", 2.0, 4.0, *probed("live", 2.0, 4.0, None, took_s=0.5)))
    assert verdict.outcome == "FAIL"
    assert "prober.none_answered" not in codes(verdict)
    assert "health" in data(verdict, "prober.others_answered")["paths"]
    assert "meanwhile health answered" in why(verdict)


def test_a_good_answer_that_comes_too_late_is_a_miss() -> None:
    """0.7 s where a prober waits for 0.5 s."""
    slow = probed("live", 2.0, 4.0, took_s=0.7)
    verdict = live(missing("live", 2.0, 4.0, *slow))
    assert (verdict.outcome, "200 only after 0.700 s" in why(verdict)) == ("FAIL", True)


def test_a_port_that_listens_and_answers_nothing_fails() -> None:
    """From 0.8 on, for longer than three time-outs. A shorter time is part of the start."""
    kept = ("spawned", "bound", "exited", "run_ended")
    unanswered = without(steady(), lambda e: e.kind not in kept)
    health = [replace(s, took_s=0.5) for s in samples(0.85, 5.0, UNREACHABLE)]
    unheard = [*unanswered, *health, *probed("live", 0.9, 5.0, None, took_s=0.5)]
    for verdict in (live(unheard), in_time(unheard)):
        assert verdict.outcome == "FAIL"
        asked = "did not answer health and liveness until"
        assert f"listened from 0.800 s and {asked}" in why(verdict)
    for verdict in (live(unanswered), in_time(unanswered)):
        assert (verdict.outcome, why(verdict)) == ("UNKNOWN", "it was not asked")
    assert live(without(unheard, of(Bound))).outcome == "UNKNOWN"


def test_what_comes_before_the_first_answer_is_no_miss() -> None:
    """The app is judged from its first answer on."""
    early = probed("live", 0.4, 0.85, None, took_s=0.01)
    assert live([*steady(), *early]).outcome == "PASS"


def test_misses_after_the_process_ended_are_its_ends() -> None:
    """Another expectation judges the exit, but this one does not pass."""
    gone = [
        *without(steady(), lambda e: e.kind == "exited"),
        exited(4.0, code=1, asked=False),
    ]
    refused = [*probed("live", 4.0, 5.0, None, took_s=0.001)]
    kept = without(gone, lambda e: isinstance(e, ProberSample | HealthSample) and e.at_s >= 4.0)
    for verdict in (live([*kept, *refused]), in_time([*kept, *refused])):
        assert (verdict.outcome, "exited with 1 at 4.000 s" in why(verdict)) == ("UNKNOWN", True)


def test_samples_under_way_when_the_lab_stopped_the_app_are_no_misses() -> None:
    """They had no answer because the lab stopped the app."""
    late = [
        replace(probed("live", at_s, at_s + 0.1, None)[0], took_s=5.12 - at_s)
        for at_s in (4.8, 4.9, 5.0, 5.05)
    ]
    assert live([*without(steady(), lambda e: e in late), *late]).outcome == "PASS"


@pytest.mark.parametrize("path", ["health", "ready"])
def test_each_path_is_held_to_the_limit_alone(path: str) -> None:
    """Slow health is not reported as slow readiness, and slow readiness not as slow health."""
    if path == "health":
        hung = [sample(s.at_s, UNREACHABLE, took_s=1.0) for s in samples(2.0, 4.0, HEALTHY)]
        events = [*without(steady(), between(2.0, 4.0)), *hung]
    else:
        slow = probed("ready", 2.0, 4.0, 503, took_s=0.8)
        events = missing("ready", 2.0, 4.0, *slow)
    verdict, name = in_time(events), "readiness" if path == "ready" else "health"
    other = {"readiness": "health gave no", "health": "readiness gave no"}[name]
    assert verdict.outcome == "FAIL"
    assert f"{name} gave no answer within 0.5 s 3 times in a row, from 2.000 s on" in why(verdict)
    assert other not in why(verdict)
    assert "liveness answered" in why(verdict)


def test_an_answer_that_says_no_is_an_answer() -> None:
    """A 503 in time keeps the prober's limit."""
    assert in_time(missing("ready", 2.0, 4.0, *probed("ready", 2.0, 4.0, 503))).outcome == "PASS"
    slow = [replace(s, took_s=0.4) for s in samples(2.0, 4.0, HEALTHY)]
    assert in_time([*without(steady(), between(2.0, 4.0)), *slow]).outcome == "PASS"


def test_an_app_without_readiness_is_held_to_its_health_alone() -> None:
    """Nothing is asked where no path is declared."""
    assert in_time(asked("live"), HealthContract(prober_timeout_s=0.5)).outcome == "PASS"


def test_what_nobody_asked_is_unknown() -> None:
    """No sample, a pause, an early end, or an interrupted run."""
    assert live(asked("ready")).outcome == "UNKNOWN"
    assert in_time(asked("live")).outcome == "UNKNOWN"
    assert "liveness was not asked from" in why(live(missing("live", 2.0, 3.5)))
    assert live(missing("live", 2.0, 3.5)).outcome == "UNKNOWN"
    assert live(missing("live", 4.0, 9.0)).outcome == "UNKNOWN"
    cut = [*without(steady(), lambda e: e.kind == "run_ended"), ended(5.2, settled=False)]
    assert live(cut).outcome == "UNKNOWN"
    assert live([ended(5.2)]).outcome == "UNKNOWN"


def test_another_boot_answers_for_itself() -> None:
    """Misses of the second boot do not count for the first."""
    second = [*probed("live", 2.0, 4.0, 503, boot=2)]
    assert live([*steady(), *second]).outcome == "PASS"


def test_the_run_waits_for_a_few_answers_after_the_first() -> None:
    """1.4 s: four questions and the longest answer; without a first one, the time of a start."""
    e = StaysLive(app="backend")

    def waits(events: Iterable[AnyEvent], now_s: float) -> str | None:
        known = [x for x in events if x.at_s <= now_s and x.kind not in ("exited", "run_ended")]
        return watch_under_way(e, ("live",), plan_of(e), history_of(known), now_s, startup_s=3.0)

    assert waits(steady(), 0.1) == "boot 1 of backend"
    assert waits(steady(), 0.8) == "the first answer of backend"
    assert waits(steady(), 2.2) == "the prober's answers of backend"
    assert waits(steady(), 2.4) is None
    unanswered = without(steady(), of(FirstAnswer))
    assert waits(unanswered, 3.4) == "the first answer of backend"
    assert waits(unanswered, 3.6) is None
    gone = history_of([*steady(), exited(1.0, code=1, asked=False)])
    assert watch_under_way(e, ("live",), plan_of(e), gone, 1.1, startup_s=3.0) is None


def test_a_patient_prober_whose_question_is_not_answered_leaves_no_pause() -> None:
    """It waits 2 s, and the next request waits for it. This is one miss and no pause."""
    patient = replace(app("backend").health, prober_timeout_s=2.0)
    hung = ProberSample(at_s=2.0, app="backend", boot=1, path="ready", took_s=2.0, error="Timeout")
    verdict = in_time(missing("ready", 2.0, 4.0, hung), patient)
    assert (verdict.outcome, "1 missed" in why(verdict)) == ("PASS", True)


@pytest.mark.parametrize("most", [1, 3])
def test_how_many_questions_the_lab_had_under_way_is_reported_with_the_verdict(most: int) -> None:
    """In a PASS and in a FAIL, because a service may have few workers."""
    own = QuestionsAsked(
        at_s=5.15, app="backend", boot=1, asked={"/live": 41, "/health": 80}, most_under_way=most
    )
    bad = missing("live", 2.0, 2.3, *probed("live", 2.0, 2.3, 503))
    counted = f"at most {most} request{'s' if most > 1 else ''} of the lab "
    for verdict in (live([*steady(), own]), live([*bad, own]), in_time([*steady(), own])):
        assert counted in why(verdict)
        assert "/health 80 times, /live 41 times" in why(verdict)
    assert "of the lab" not in why(live(steady())), "a run saved earlier does not tell"
