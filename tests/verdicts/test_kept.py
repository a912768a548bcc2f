"""Acknowledged writes: what shows a loss or a duplicate row, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import KeepsAcknowledged
from chaoslab.history.events import AnyEvent, AppStarved
from chaoslab.model.requests import Found
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict

from .events import back, write
from .histories import run_of
from .plans import TOPOLOGY, with_app

APP = TOPOLOGY.apps["backend"]


def declaring(**contract: object) -> App:
    """The app, with more in the place of its write."""
    write = APP.write
    assert write is not None
    assert write.found is not None
    place = replace(write.found, **contract)  # type: ignore[arg-type]
    return replace(APP, requests={write.name: replace(write, found=place)})


def kept(*events: AnyEvent, at_least: int = 1, app: App = APP) -> Verdict:
    e = KeepsAcknowledged(app="backend", request="write", at_least=at_least)
    return e.judged(run_of(events, topology=with_app(app)))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def twice(at_s: float, *found: str, often: int = 2) -> AnyEvent:
    """A read of the database that found each of these ids so often."""
    return replace(back(at_s, *found), repeated=dict.fromkeys(found, often))


def test_acknowledged_and_found_is_kept() -> None:
    """Writes without an answer may be in the database or not."""
    verdict = kept(
        write(1.0, "a"),
        write(1.1, "b", "indeterminate", code=None),
        write(1.2, "c", "failed", code=503, retry_after=True),
        back(4.0, "a", missing=("b", "c")),
    )
    assert (verdict.outcome, "1 ok, 1 failed, 1 indeterminate" in why(verdict)) == ("PASS", True)
    assert "none of them twice" in why(verdict)


def test_acknowledged_and_lost_fails() -> None:
    """Also where an earlier read had found it. The loss is the first reason."""
    verdict = kept(write(1.0, "a"), back(4.0, missing=("a",)))
    lost = verdict.because[0]
    assert (verdict.outcome, lost.code, lost.data["writes"]) == ("FAIL", "write.lost", ("a",))
    assert lost.text == "1 acknowledged writes are not in the database: a"
    assert kept(write(1.0, "a"), back(2.0, "a"), back(4.0, missing=("a",))).outcome == "FAIL"


@pytest.mark.parametrize("code", [500, 502, 503, 504, 422])
def test_a_wrong_error_response_is_no_loss(code: int) -> None:
    """Another expectation judges it."""
    rude = write(1.1, "b", "failed", code=code)
    assert kept(write(1.0, "a"), rude, back(4.0, "a", missing=("b",))).outcome == "PASS"


def test_a_look_before_the_write_or_for_others_says_nothing() -> None:
    """UNKNOWN until the lab has read the database after the acknowledgement."""
    assert kept(write(1.0, "a"), back(0.9, "a")).outcome == "UNKNOWN"
    assert kept(write(1.0, "a"), back(0.9, missing=("a",))).outcome == "UNKNOWN"
    assert kept(write(1.0, "a"), back(4.0, "b")).outcome == "UNKNOWN"


def test_a_look_into_another_apps_tables_says_nothing() -> None:
    """Each app has its own database."""
    other = back(4.1, missing=("a",), app="auth")
    assert kept(write(1.0, "a"), back(4.0, "a"), other).outcome == "PASS"
    assert kept(write(1.0, "a"), back(4.1, "a", app="auth")).outcome == "UNKNOWN"


def test_a_later_look_for_others_does_not_hide_a_loss() -> None:
    """The last read that looked for this write decides."""
    assert kept(write(1.0, "a"), back(3.0, missing=("a",)), back(4.0, "b")).outcome == "FAIL"


def test_writes_without_an_answer_are_counted() -> None:
    """They change no outcome, but the reader should know their number."""
    verdict = kept(write(1.0, "a"), write(1.1, "b", "indeterminate", code=None), back(4.0, "a"))
    assert (verdict.outcome, "(1 without an answer)" in why(verdict)) == ("PASS", True)


def test_fewer_acknowledged_than_asked_for_is_unknown() -> None:
    """Two are required. Writes of another app and the lab's own write do not count."""
    others = [write(1.1, "x", app="auth"), write(1.2, "y", purpose="proof")]
    assert kept(write(1.0, "a"), *others, back(4.0, "a"), at_least=2).outcome == "UNKNOWN"
    assert kept(back(4.0)).outcome == "UNKNOWN"


@pytest.mark.parametrize(
    ("other", "end"),
    [
        (write(1.1, "b"), "acknowledged"),
        (write(1.1, "b", "indeterminate", code=None), "no answer"),
        (write(1.1, "b", "failed", code=503), "answered 503"),
        (write(1.1, "b", purpose="proof"), "acknowledged"),
    ],
    ids=["acknowledged", "without an answer", "refused", "the proof"],
)
def test_a_row_that_is_there_twice_fails_whatever_came_of_the_write(
    other: AnyEvent, end: str
) -> None:
    """The lab sent each id once, and the row must be there exactly once."""
    verdict = kept(write(1.0, "a"), other, back(4.0, "a"), twice(4.0, "b", often=3))
    assert verdict.outcome == "FAIL"
    assert f"1 writes are there more than once: b 3 times ({end})" in why(verdict)


def test_a_row_may_be_there_twice_where_at_least_once_is_declared() -> None:
    """A loss still fails."""
    app = declaring(delivery="at_least_once")
    verdict = kept(write(1.0, "a"), twice(4.0, "a"), app=app)
    assert (verdict.outcome, "twice" in verdict.claim + why(verdict)) == ("PASS", False)
    assert kept(write(1.0, "a"), back(4.0, missing=("a",)), app=app).outcome == "FAIL"


def test_a_row_that_another_app_kept_twice_is_not_this_ones() -> None:
    """Each app has its own writes."""
    theirs = replace(back(4.0, "x", app="auth"), repeated={"x": 2})
    verdict = kept(write(1.0, "a"), write(1.0, "x", app="auth"), back(4.0, "a"), theirs)
    assert verdict.outcome == "PASS"


def test_a_late_row_is_lost_only_once_its_declared_time_is_up() -> None:
    """Answered at 1.02. A read at 1.4 that does not find the row decides nothing yet."""
    app = declaring(within_s=0.5)
    early, late = back(1.4, missing=("a",)), back(1.6, missing=("a",))
    verdict = kept(write(1.0, "a"), early, app=app)
    assert verdict.outcome == "UNKNOWN"
    assert "1 were not looked up 0.5 s after their answer" in why(verdict)
    assert kept(write(1.0, "a"), early, late, app=app).outcome == "FAIL"
    assert kept(write(1.0, "a"), back(1.1, "a"), app=app).outcome == "PASS"


def test_a_202_that_is_not_there_at_once_asks_for_a_declared_time() -> None:
    """The answer itself says that the row comes later."""
    verdict = kept(write(1.0, "a", code=202), back(1.4, missing=("a",)))
    assert verdict.outcome == "FAIL"
    assert "answered 202 (accepted); fix: declare within_s" in why(verdict)
    app = declaring(within_s=0.3)
    verdict = kept(write(1.0, "a", code=202), back(1.4, missing=("a",)), app=app)
    assert (verdict.outcome, "declare" in why(verdict)) == ("FAIL", False)


def test_a_run_that_was_saved_before_rows_were_counted_claims_nothing_of_them() -> None:
    """The run shows that the row was found, but not how often."""
    verdict = kept(write(1.0, "a"), replace(back(4.0, "a"), repeated=None))
    assert verdict.outcome == "PASS"
    assert "twice" not in verdict.claim + why(verdict)


def test_the_declared_delay_is_the_apps_own_time() -> None:
    """Looked for 0.6 s after the answer, 0.2 s of which it waited for a core: 0.4 s of its 0.5."""
    waited = AppStarved(at_s=1.5, app="backend", boot=1, waited_s=0.2, over_s=0.4)
    app, look = declaring(within_s=0.5), back(1.62, missing=("a",))
    assert kept(write(1.0, "a", code=202), look, app=app).outcome == "FAIL"
    assert kept(write(1.0, "a", code=202), look, waited, app=app).outcome == "UNKNOWN"
    late = back(1.82, missing=("a",))
    assert kept(write(1.0, "a", code=202), late, waited, app=app).outcome == "FAIL"
    assert kept(write(1.0, "a"), look, waited).outcome == "FAIL"


def test_too_few_acknowledged_writes_come_with_the_apps_answer() -> None:
    """A contract that the app refuses is found at once."""
    refused = replace(write(2.0, "b", "failed", code=404), answer="no such collection")
    verdict = kept(refused, write(3.0, "c", "failed", code=500), at_least=5)
    assert verdict.outcome == "UNKNOWN"
    assert "the first that failed, at 2.000 s: 404: no such collection" in why(verdict)


@pytest.mark.parametrize(
    "place", [Found(service="redis", key="note:{id}"), Found(request="seen")], ids=str
)
def test_nothing_is_claimed_of_twice_where_nothing_can_count(place: Found) -> None:
    """A key for each id, and a read of the app, show only that a write is there."""
    write_ = APP.write
    assert write_ is not None
    app = replace(APP, requests={write_.name: replace(write_, found=place)})
    verdict = kept(write(2.0, "a"), back(3.0, "a"), app=app)
    assert verdict.outcome == "PASS"
    assert "twice" not in f"{verdict.claim} {why(verdict)}"


def test_a_write_with_another_answer_is_counted_as_wrong() -> None:
    """It is neither acknowledged nor refused, and the reason says what differs."""
    other = replace(write(2.0, "b", "wrong"), answer="{}", wrong="id is null")
    verdict = kept(other, write(3.0, "a"), back(3.5, "a"), at_least=2)
    assert "writes: 1 ok, 0 failed, 0 indeterminate, 1 wrong" in why(verdict)
    assert "the first that failed, at 2.000 s: 201: id is null; the body begins: {}" in why(verdict)
