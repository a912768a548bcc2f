"""A known gap tolerates one FAIL until a date, and fails the run once it is fixed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chaoslab.model.known_gap import KnownGap
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.verdicts.known_gaps import Weighed, weighed

FAIL, PASS, UNKNOWN = Outcome.FAIL, Outcome.PASS, Outcome.UNKNOWN
TODAY = date(2026, 6, 1)


def gap(run: str = "redis-silent-boot", *, days: int = 0) -> KnownGap:
    """A gap of `recovers` that expires so many days from today."""
    return KnownGap(
        run=run,
        verdict="recovers",
        reason="PR 12",
        owner="payments",
        since=date(2026, 1, 1),
        expires=TODAY + timedelta(days=days),
    )


def of(*gaps: KnownGap, **outcomes: Outcome) -> Weighed:
    """The verdicts `outcomes` by their names, weighed."""
    verdicts = [
        Verdict(name=name, outcome=outcome, claim="", because=())
        for name, outcome in outcomes.items()
    ]
    return weighed("redis-silent-boot", verdicts, gaps, TODAY)


def codes(found: Weighed) -> list[str]:
    return [note.code.removeprefix("known_gap.") for note in found.notes]


@pytest.mark.parametrize("days", [0, 1])
def test_a_failure_is_tolerated_to_the_last_day(days: int) -> None:
    """The other verdicts decide; without any the run passes."""
    assert of(gap(days=days), recovers=FAIL, starts=PASS).outcome is PASS
    assert of(gap(days=days), recovers=FAIL).outcome is PASS
    assert of(gap(days=days), recovers=FAIL, starts=FAIL).outcome is FAIL
    assert of(gap(days=days), recovers=FAIL, starts=UNKNOWN).outcome is UNKNOWN
    note = of(gap(days=days), recovers=FAIL).notes[0]
    assert "PR 12 (payments)" in note.text


def test_an_expired_gap_tolerates_nothing() -> None:
    """The day after the last one."""
    found = of(gap(days=-1), recovers=FAIL)
    assert (found.outcome, codes(found)) == (FAIL, ["expired"])


def test_a_gap_that_is_gone_fails_the_run_also_after_it_expired() -> None:
    """It would tolerate the next failure."""
    for days in (-1, 1):
        found = of(gap(days=days), recovers=PASS)
        assert (found.outcome, codes(found)) == (FAIL, ["gone"])


def test_unknown_is_not_tolerated() -> None:
    """A gap is a known failure, not a known silence."""
    found = of(gap(), recovers=UNKNOWN, starts=PASS)
    assert (found.outcome, codes(found)) == (UNKNOWN, ["not_decided"])


def test_a_gap_that_names_no_verdict_of_the_run_fails_it() -> None:
    """A misspelled name would tolerate nothing, and nobody would see it."""
    found = of(gap(), starts=PASS)
    assert (found.outcome, codes(found)) == (FAIL, ["no_verdict"])


def test_gaps_of_other_runs_and_runs_without_verdicts_change_nothing() -> None:
    """A run that was not judged says nothing of its gaps."""
    assert of(gap("other"), recovers=FAIL) == Weighed(outcome=FAIL, notes=())
    assert of(gap()) == Weighed(outcome=UNKNOWN, notes=())


def test_two_verdicts_of_a_name_are_one_gap() -> None:
    """The worst of them decides."""
    double = [Verdict(name="recovers", outcome=o, claim="", because=()) for o in (PASS, FAIL)]
    found = weighed("redis-silent-boot", double, [gap()], TODAY)
    assert (found.outcome, codes(found)) == (PASS, ["tolerated"])


def test_an_unknown_verdict_beside_a_tolerated_one_of_its_name_stays_unknown() -> None:
    """Only the FAIL is tolerated."""
    double = [Verdict(name="recovers", outcome=o, claim="", because=()) for o in (FAIL, UNKNOWN)]
    found = weighed("redis-silent-boot", double, [gap()], TODAY)
    assert (found.outcome, codes(found)) == (UNKNOWN, ["tolerated"])
