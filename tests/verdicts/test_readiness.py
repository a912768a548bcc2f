"""Readiness and what users get: each change may be late by the bound, and no race is a lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaoslab.expectations import ReadyWhenServing
from chaoslab.history.events import AnyEvent, FirstAnswer, ProberSample, Request, StartupComplete
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    complete,
    ended,
    exited,
    fault,
    of,
    probed,
    sample,
    samples,
    spawned,
    without,
    write,
    writes,
    written_s,
)
from .histories import run_of
from .plans import OUTAGE, plan_of
from .reading import codes, data

E = ReadyWhenServing(app="backend", request="write", within_s=0.5)


def judged(events: Iterable[AnyEvent], plan: Plan | None = None) -> Verdict:
    return E.judged(run_of(events, plan or plan_of(E)))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def refused(start_s: float, end_s: float) -> list[AnyEvent]:
    said = '{"error":"dependency unavailable"}'
    gone = writes(start_s, end_s, "failed", code=503)
    return [replace(w, answer=said) for w in gone]


def run(*words: AnyEvent) -> list[AnyEvent]:
    """An app that is up from 1.0. Its writes are refused from 3.0 to 6.0 and then served again.

    Its readiness answers not ready until 1.05 and from 3.2 to 6.1, unless `words` has other events.
    """
    usual = [
        *probed("ready", 0.8, 1.05, 503),
        *probed("ready", 1.1, 3.2),
        *probed("ready", 3.2, 6.1, 503),
        *probed("ready", 6.1, 8.0),
    ]
    return [
        spawned(0.4),
        FirstAnswer(at_s=0.8, app="backend", boot=1, status_code=503),
        *samples(0.8, 1.0, UNHEALTHY),
        complete(1.0, HEALTHY),
        *samples(1.0, 3.2, HEALTHY),
        *fault("severed:vpc", 2.9, 2.95, 5.5, 5.6),
        *samples(3.2, 6.0, DEGRADED, "postgres"),
        *samples(6.0, 8.0, HEALTHY),
        *writes(1.2, 3.0),
        *refused(3.0, 6.0),
        *writes(6.0, 8.0),
        *(words or usual),
        exited(8.1),
        ended(8.2),
    ]


def saying(code: int | None, start_s: float, end_s: float) -> list[AnyEvent]:
    """The run, but that readiness says this between these times."""

    def other(e: AnyEvent) -> AnyEvent:
        mine = isinstance(e, ProberSample) and start_s <= e.at_s < end_s
        return replace(e, status_code=code) if isinstance(e, ProberSample) and mine else e

    return [other(e) for e in run()]


def test_readiness_that_follows_what_users_get_passes() -> None:
    """Ready while 36 and 40 writes were served, and not while 60 were refused."""
    verdict = judged(run())
    assert verdict.outcome == "PASS"
    assert "60 writes" in why(verdict)
    assert "were refused (503" in why(verdict)


def test_ready_that_is_always_said_is_a_lie_while_writes_are_refused() -> None:
    """The very words of a refused write are quoted."""
    verdict = judged(saying(200, 1.1, 9.0))
    assert verdict.outcome == "FAIL"
    assert "readiness answered ready 19 times from 3.600 to 5.410 s" in why(verdict)
    assert 'while 60 writes in a row were refused (503: {"error":"dependency unavail' in why(
        verdict
    )


@pytest.mark.parametrize(
    ("turned_s", "outcome"), [(3.3, "PASS"), (3.5, "PASS"), (3.7, "PASS"), (4.0, "FAIL")]
)
def test_it_may_be_late_by_the_bound(turned_s: float, outcome: str) -> None:
    """0.5 s after the first refused write, which was known at 3.02; two words are no state."""
    assert judged(saying(200, 3.0, turned_s)).outcome == outcome


def test_it_may_run_ahead_of_the_first_write_that_is_served_again() -> None:
    """Ready from 5.6 on, while the last write was refused at 5.95."""
    assert judged(saying(200, 5.5, 6.2)).outcome == "PASS"
    assert judged(saying(200, 5.0, 6.2)).outcome == "FAIL"


def test_it_may_run_ahead_of_nothing_while_the_fault_still_holds() -> None:
    """Healed at 5.7, and ready from 5.4 on: three times before anything could be served."""
    late = without(run(), lambda e: getattr(e, "fault", "") == OUTAGE)
    rests = replace(E, rests_on=(OUTAGE,))

    def said(from_s: float) -> str:
        words = [
            replace(e, status_code=200)
            if isinstance(e, ProberSample) and from_s <= e.at_s < 6.2
            else e
            for e in [*late, *fault(OUTAGE, 2.9, 2.95, 5.71, 5.8)]
        ]
        return rests.judged(run_of(words, plan_of(E))).outcome

    assert said(5.65) == "PASS"
    assert said(5.35) == "FAIL"


@pytest.mark.parametrize(("until_s", "outcome"), [(6.4, "PASS"), (7.5, "FAIL")])
def test_an_app_that_serves_must_say_so(until_s: float, outcome: str) -> None:
    """Within the bound after the first served write at 6.0."""
    verdict = judged(saying(503, 6.0, until_s))
    assert verdict.outcome == outcome
    if outcome == "FAIL":
        assert data(verdict, "readiness.contradicted")["ready"] is False
        assert "readiness answered not ready" in why(verdict)
        assert "40 writes in a row were served" in why(verdict)


def test_one_write_refused_among_many_is_no_outage() -> None:
    """Nor are two in a row."""
    odd = [write(7.01, "x", "failed", code=503), write(7.02, "y", "failed", code=503)]
    assert judged([*run(), *odd]).outcome == "PASS"


def test_ready_before_start_up_is_complete_is_a_lie_where_health_denied_it_afterwards() -> None:
    """0.2 s before; a word that health confirmed with its next answer is a race of the lab's."""
    verdict = judged(saying(200, 0.8, 1.05))
    assert verdict.outcome == "FAIL"
    assert "ready 0.190 s before start-up was complete: health answered 503 unhealthy" in why(
        verdict
    )
    late = without(run(), lambda e: isinstance(e, StartupComplete))
    assert judged([*late, complete(1.4, HEALTHY)]).outcome == "PASS"


def test_ready_in_a_start_up_that_is_never_complete_is_a_lie() -> None:
    """Health denies it to the end."""
    never = [
        spawned(0.4),
        *samples(0.8, 4.0, UNHEALTHY),
        *probed("ready", 0.8, 4.0),
        exited(4.1),
        ended(4.2),
    ]
    verdict = judged(never)
    assert (verdict.outcome, codes(verdict)) == ("FAIL", ["readiness.early"])
    assert "ready although start-up was never complete" in why(verdict)


def test_a_write_under_way_at_the_turn_is_no_evidence() -> None:
    """Sent while it was refused, answered long after it is ready again; and the other way round."""
    hanging = [
        write(5.97, "slow", "indeterminate", took_s=2.0, code=None),
        write(2.98, "late", took_s=1.5),
    ]
    assert judged([*run(), *hanging]).outcome == "PASS"


def test_short_refusals_in_which_readiness_never_turned_are_unknown() -> None:
    """0.4 s of refused writes, where it may be wrong for 0.5 s."""
    events = without(
        saying(200, 1.1, 9.0), lambda e: isinstance(e, Request) and 3.4 <= e.at_s < 6.0
    )
    verdict = judged([*events, *writes(3.4, 6.0)])
    assert (verdict.outcome, codes(verdict)) == ("UNKNOWN", ["readiness.never_not_ready"])


@pytest.mark.parametrize(
    ("hung", "words"),
    [((3.4, 3.5, 3.6), "writes were without an answer for 2.200 s"),
     ((3.5, 3.6), "writes were refused or without an answer for 2.200 s")],
)  # fmt: skip
def test_writes_that_hang_are_not_called_refused_and_last_no_negative_time(
    hung: tuple[float, ...], words: str
) -> None:
    """Three sent within 0.2 s and each given up after 2 s; the text was "refused for -1.800 s"."""
    events = without(
        saying(200, 1.1, 9.0), lambda e: isinstance(e, Request) and 3.0 <= e.at_s < 6.0
    )
    last = [write(at_s, f"h{at_s}", "indeterminate", took_s=2.0, code=None) for at_s in hung]
    first = [] if 3.4 in hung else [write(3.4, "no", "failed", code=503)]
    verdict = judged([*events, *first, *last, *writes(6.0, 8.0)])
    assert (verdict.outcome, words in why(verdict)) == ("UNKNOWN", True), why(verdict)
    assert data(verdict, "readiness.never_not_ready")["unanswered"] == len(hung)


def test_no_answer_is_no_word_that_says_no() -> None:
    """Seen on a machine that starved: a readiness that only ever said yes, and timed out else."""
    assert judged(saying(None, 3.0, 6.1)).outcome == "UNKNOWN"


def test_what_nobody_asked_or_wrote_is_unknown() -> None:
    """No readiness, no writes, a pause, an end by itself, an interruption."""
    assert judged(without(run(), of(ProberSample))).outcome == "UNKNOWN"
    assert judged(without(run(), of(Request))).outcome == "UNKNOWN"
    pause = without(run(), lambda e: isinstance(e, ProberSample) and 4.0 < e.at_s < 5.5)
    assert data(judged(pause), "prober.not_asked")["path"] == "readiness"
    assert "readiness was not asked from" in why(judged(pause))
    gone = [*without(run(), lambda e: e.kind == "exited"), exited(7.9, code=1, asked=False)]
    assert judged(gone).outcome == "UNKNOWN"
    cut = [*without(run(), lambda e: e.kind == "run_ended"), ended(8.2, settled=False)]
    assert judged(cut).outcome == "UNKNOWN"
    assert judged([ended(1.0)]).outcome == "UNKNOWN"


def test_a_run_that_ends_before_it_serves_again_and_says_so_is_unknown() -> None:
    """Not one word of readiness after the first write that was served."""
    short = without(run(), lambda e: isinstance(e, ProberSample) and e.at_s >= 6.0)
    assert judged(short).outcome == "UNKNOWN"


def test_words_under_way_when_the_lab_stopped_the_app_are_left_out() -> None:
    """They had no answer because the app was taken away."""
    late = probed("ready", 7.95, 8.1, None, took_s=0.5)
    assert judged([*run(), *late]).outcome == "PASS"


def test_the_run_waits_until_it_serves_and_says_so() -> None:
    """Or has served for longer than the bound, or had the time of a start for it."""

    def waits(events: Iterable[AnyEvent], now_s: float) -> str | None:
        known = [
            e for e in events if written_s(e) <= now_s and e.kind not in ("exited", "run_ended")
        ]
        return E.waits_for(run_of(known, plan_of(E)), now_s)

    assert waits(run(), 0.1) == "boot 1 of backend"
    assert waits(run(), 5.8) == "backend to serve again, and to answer ready"
    assert waits(run(), 6.2) is not None
    assert waits(run(), 6.5) is None
    never = saying(503, 3.0, 9.0)
    assert waits(never, 6.5) is not None
    assert waits(never, 7.2) is None
    nobody = without(run(), lambda e: isinstance(e, Request) and e.at_s >= 6.0)
    assert waits(nobody, 9.5) is not None
    assert waits(nobody, 9.7) is None


def test_a_slow_sample_of_health_is_no_denial() -> None:
    """Asked before readiness said yes, and answered after it, it may have been true."""
    slow = sample(0.99, UNHEALTHY, took_s=0.3)
    late = without(run(), lambda e: isinstance(e, StartupComplete))
    assert judged([*late, slow, complete(1.35, HEALTHY)]).outcome == "PASS"


def test_an_app_that_is_asked_seldom_is_not_called_ready_too_early() -> None:
    """Asked each 5 s: complete somewhere between 0.5 and 5.5 s, ready at 2.0 s."""
    seldom = Sampling(cadence_s=5.0, fast_s=5.0, prober_cadence_s=5.0)
    events = [
        spawned(0.0),
        FirstAnswer(at_s=0.5, app="backend", boot=1, status_code=503),
        sample(0.5, UNHEALTHY),
        *probed("ready", 0.6, 0.7, 503),
        *probed("ready", 2.0, 2.1),
        sample(5.5, HEALTHY),
        complete(5.55, HEALTHY),
        *(each for at_s in (7.0, 12.0, 17.0, 22.0) for each in probed("ready", at_s, at_s + 0.1)),
        *(sample(at_s, HEALTHY) for at_s in (10.5, 15.5, 20.5)),
        *writes(6.0, 24.0),
        exited(25.0),
        ended(25.1),
    ]
    assert judged(events, replace(plan_of(E), sampling=seldom)).outcome != "FAIL"
    denied = [*events, sample(3.0, UNHEALTHY)]
    assert judged(denied, replace(plan_of(E), sampling=seldom)).outcome == "FAIL"
