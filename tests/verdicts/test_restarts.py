"""A supervisor's view of an app: how often it had to start it anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import NoRestarts
from chaoslab.history.events import AnyEvent
from chaoslab.model.verdict import Verdict

from .events import HEALTHY, complete, ended, exited, spawned, without
from .histories import healthy_run, run_of
from .plans import plan_of
from .reading import codes

SAID = ("INFO starting", "ERROR phase 'database' failed")


def restarted(events: list[AnyEvent], at_most: int = 0) -> Verdict:
    return NoRestarts(app="backend", at_most=at_most).judged(run_of(events))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def loop(times: int, code: int = 3) -> list[AnyEvent]:
    """Boots of 0.8 s each, started anew at once; the last is not."""
    events: list[AnyEvent] = []
    for boot in range(1, times + 1):
        at_s = 0.4 + boot - 1
        events += [
            replace(spawned(at_s, boot), restart=boot > 1),
            exited(at_s + 0.8, code=code, asked=False, boot=boot, log=SAID),
        ]
    return [*events, ended(times + 1.0)]


def test_an_app_that_lives_needs_no_restart() -> None:
    """It was watched to the end of the run, and never ended by itself."""
    verdict = restarted([*healthy_run(), exited(3.1), ended(3.2)])
    assert (verdict.outcome, codes(verdict)) == ("PASS", ["app.no_exit"])


def test_a_restart_loop_fails_with_codes_times_and_last_words() -> None:
    """Three ends, two restarts: the supervisor had no more."""
    verdict = restarted(loop(3))
    assert verdict.outcome == "FAIL"
    assert "exited 3 times with 3, 0.8, 0.8 and 0.8 s after each spawn; restarted 2 times" in why(
        verdict
    )
    assert "ERROR phase 'database' failed" in why(verdict)


def test_an_end_that_was_followed_by_a_good_start_counts_all_the_same() -> None:
    """Once is too often, unless it is allowed."""
    once = [*loop(1)[:-1], replace(spawned(1.3, 2), restart=True), complete(2.0, HEALTHY, boot=2)]
    once = [*once, exited(3.0, boot=2), ended(3.1)]
    verdict = restarted(once)
    assert (verdict.outcome, "exited once with 3, 0.8 s after" in why(verdict)) == ("FAIL", True)
    assert "restarted each time" in why(verdict)
    assert restarted(once, at_most=1).outcome == "PASS"


@pytest.mark.parametrize("codes", [(3, 1), (3, 3)])
def test_every_exit_code_is_told(codes: tuple[int, int]) -> None:
    """Once each."""
    first, second = codes
    events = [*loop(2, first)[:-2], exited(2.2, code=second, asked=False, boot=2, log=SAID)]
    told = "with 3 and 1," if second == 1 else "with 3,"
    assert told in why(restarted([*events, ended(3.0)]))


def test_what_was_not_watched_to_its_end_is_unknown() -> None:
    """Never spawned, interrupted, or killed."""
    whole = [*healthy_run(), exited(3.1), ended(3.2)]
    assert restarted([ended(1.0)]).outcome == "UNKNOWN"
    assert restarted([*whole[:-1], ended(3.2, settled=False)]).outcome == "UNKNOWN"
    assert restarted(whole[:-1]).outcome == "UNKNOWN"


def test_the_run_waits_until_the_restarts_are_used_up() -> None:
    """Or until a boot is complete, or has had its time."""
    e, plan = NoRestarts(app="backend"), plan_of(NoRestarts())  # a supervisor with three restarts

    def waits(events: list[AnyEvent], now_s: float) -> str | None:
        known = without(events, lambda x: x.kind == "run_ended" or x.at_s > now_s)
        return e.waits_for(run_of(known, plan), now_s)

    assert waits([], 0.1) == "boot 1 of backend"
    assert waits(loop(4), 1.0) == "the start-up of boot 1 of backend"
    assert waits(loop(4), 1.3) == "backend to be restarted"
    assert waits(loop(4), 3.3) == "backend to be restarted"
    assert waits(loop(4), 4.3) is None
    up = [*loop(1)[:-1], spawned(1.3, 2), complete(2.0, HEALTHY, boot=2)]
    assert waits(up, 1.9) == "the start-up of boot 2 of backend"
    assert waits(up, 2.1) is None
    assert waits(up[:-1], 4.3) is not None
    assert waits(up[:-1], 4.5) is None
