"""A search for the length that breaks an app claims nothing about lengths that were not tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaoslab.model.lengths import Search
from chaoslab.model.verdict import Outcome
from chaoslab.verdicts.how_long import HowLong
from chaoslab.verdicts.tried_length import State, tried

from .lengths import breaks_from, held, length, search, searched, verdict

QUARTERS = st.sampled_from([0.25 * i for i in range(1, 40)])
SEARCHES = st.builds(
    lambda lengths_s, **values: search(*lengths_s, **values),
    lengths_s=st.lists(QUARTERS, min_size=1, max_size=8, unique=True),
    at_least_s=st.none() | QUARTERS,
    narrow_to_s=st.sampled_from([None, 0.01, 0.2, 1.0]),
    try_all=st.booleans(),
)
STATES = st.sampled_from(get_args(State))
NAMED = re.compile(r"(survived|broke at|undecided at|failed at) ([\d.]+) s")


def lengths(*states: State, at_least_s: float | None = None) -> HowLong:
    """A search that tried 1 s, 2 s, … with these states."""
    made = tuple(length(float(s), state) for s, state in enumerate(states, start=1))
    return HowLong(
        search=search(*(each.length_s for each in made), at_least_s=at_least_s), tried=made
    )


def test_it_stops_at_the_first_length_that_breaks_the_app() -> None:
    """And names the longest length that the app survived below it, and what was not tried."""
    found = searched(search(0.5, 1, 2, 4, 8, 16), breaks_from(3.0))
    assert [each.length_s for each in found.tried] == [0.5, 1, 2, 4]
    assert (found.survives_s, found.breaks_at_s) == (2, 4)
    assert found.not_tried_s == (8, 16)
    assert found.text == (
        "survived 2 s (in force for 2.200 s), broke at 4 s (in force for 4.200 s): recovers: made"
        " to be FAIL; not tried: 8, 16 s"
    )


def test_it_goes_on_where_it_is_asked_to() -> None:
    """An app may survive a longer outage than one that broke it: both are named."""
    found = searched(search(1, 2, 4, try_all=True), lambda s: "broke" if s == 2 else "survived")
    assert [each.length_s for each in found.tried] == [1, 2, 4]
    assert (found.survives_s, found.breaks_at_s) == (1, 2)
    assert found.text.endswith("; survived also 4 s")


def test_it_narrows_between_the_two_lengths() -> None:
    """The middle is tried until the two differ by no more than was asked for."""
    found = searched(search(1, 2, 4, narrow_to_s=0.5), breaks_from(2.7))
    assert [each.length_s for each in found.tried] == [1, 2, 4, 3, 2.5]
    assert (found.survives_s, found.breaks_at_s) == (2.5, 3)


def test_an_undecided_middle_ends_the_narrowing() -> None:
    """It is reported, and not tried again for ever."""
    found = searched(
        search(2, 4, narrow_to_s=0.1), lambda s: "undecided" if s == 3 else breaks_from(3.5)(s)
    )
    assert [each.length_s for each in found.tried] == [2, 4, 3]
    assert found.undecided_s == (3,)
    assert "undecided: 3 s" in found.text


def test_nothing_is_narrowed_below_the_shortest_length() -> None:
    """The app was not observed to survive any."""
    found = searched(search(1, 2, narrow_to_s=0.1), breaks_from(0.2))
    assert [each.length_s for each in found.tried] == [1]
    assert found.survives_s is None
    assert "the app survived no shorter length that was tried" in found.text


def test_a_failure_without_the_fault_as_its_cause_ends_the_search_and_fails_it() -> None:
    """A longer outage would show nothing, and no length excuses it."""
    found = searched(search(1, 2, try_all=True), lambda _: "failed")
    assert [each.length_s for each in found.tried] == [1]
    assert found.verdict.outcome is Outcome.FAIL
    assert found.breaks_at_s is None
    assert "failed at 1 s, and the failure does not rest on cut: recovers: made" in found.text


@pytest.mark.parametrize(
    ("found", "outcome", "first"),
    [
        (lengths("survived", "broke"), Outcome.PASS, "length.survived"),
        (lengths("broke"), Outcome.PASS, "length.broke"),
        (lengths("survived", "undecided"), Outcome.PASS, "length.survived"),
        (lengths("undecided", "undecided"), Outcome.UNKNOWN, "length.undecided"),
        (lengths("survived", "broke", at_least_s=1), Outcome.PASS, "length.survived"),
        (lengths("survived", "broke", at_least_s=2), Outcome.FAIL, "length.broke"),
        (lengths("survived", "survived", at_least_s=2), Outcome.PASS, "length.survived"),
        (lengths("undecided", "survived", at_least_s=2), Outcome.UNKNOWN, "length.undecided"),
        (lengths("undecided", "broke", at_least_s=2), Outcome.FAIL, "length.broke"),
        (lengths("survived", at_least_s=3), Outcome.UNKNOWN, "length.required_not_tried"),
        (lengths("survived", "failed", at_least_s=1), Outcome.FAIL, "length.failed"),
    ],
)
def test_the_verdict_is_about_the_required_lengths(
    found: HowLong, outcome: Outcome, first: str
) -> None:
    """With none required, one decided length is enough; the reason that decides is first."""
    assert found.verdict.outcome is outcome
    assert found.verdict.because[0].code == first
    named = {reason.data.get("run") for reason in found.verdict.because}
    assert {each.run for each in found.tried} <= named


def test_only_required_lengths_count_by_themselves() -> None:
    """A run that is not of the search counts as ever."""
    found = lengths("survived", "broke", at_least_s=1)
    assert [found.counts(run) for run in ("run-1s", "run-2s", "another")] == [True, False, True]


@pytest.mark.parametrize("held_s", [None, 1.5])
def test_a_pass_whose_fault_was_not_held_for_the_length_is_undecided(held_s: float | None) -> None:
    """The app did not survive what did not last so long."""
    short = tried("cut", 2.0, "run", (verdict(Outcome.PASS, "cut"),), held(held_s))
    assert (short.state, short.why.code) == ("undecided", "length.held_too_short")
    long = tried("cut", 2.0, "run", (verdict(Outcome.PASS, "cut"),), held(2.0))
    assert (long.state, long.held_s) == ("survived", 2.0)


def test_a_run_without_verdicts_is_undecided() -> None:
    """Nothing was judged."""
    assert tried("cut", 2.0, "run", (), held(2.1)).state == "undecided"


def test_a_failure_beside_one_of_the_fault_is_not_excused() -> None:
    """The app did something wrong that no length explains."""
    both = (verdict(Outcome.FAIL, "cut"), verdict(Outcome.FAIL, name="starts"))
    made = tried("cut", 2.0, "run", both, held(2.1))
    assert made.state == "failed"
    assert "starts: made to be FAIL" in made.why.text


@given(asked=SEARCHES, threshold_s=st.floats(0.1, 12))
def test_the_threshold_of_an_app_lies_between_the_two_lengths(
    asked: Search, threshold_s: float
) -> None:
    """For every app that breaks from some length on; narrowed to what was asked for."""
    found = searched(asked, breaks_from(threshold_s))
    low_s, high_s = found.survives_s, found.breaks_at_s
    assert low_s is None or low_s < threshold_s
    assert high_s is None or high_s >= threshold_s
    assert (high_s is None) == (max(asked.lengths_s) < threshold_s)
    assert (low_s is None) == (min(asked.lengths_s) >= threshold_s)
    if low_s is not None and high_s is not None and asked.narrow_to_s is not None:
        assert high_s - low_s <= asked.narrow_to_s
    if asked.at_least_s is not None:
        survives = asked.at_least_s < threshold_s
        assert found.verdict.outcome is (Outcome.PASS if survives else Outcome.FAIL)


@given(asked=SEARCHES, most=st.integers(0, 20), states=st.data())
def test_no_statement_is_false_whatever_the_app_does(
    asked: Search, most: int, states: st.DataObject
) -> None:
    """Also for an app that survives a longer length than one that breaks it, for undecided lengths,
    and for a search that ends early.
    """
    truth: dict[float, State] = {}

    def state(length_s: float) -> State:
        return truth.setdefault(length_s, states.draw(STATES))

    found = searched(asked, state, most)
    assert len(found.tried) == len(truth) <= len(asked.lengths_s) + 12
    for text in (found.text, *found.verdict.texts):
        for word, length_s in NAMED.findall(text):
            assert truth[float(length_s)] == word.removesuffix(" at")
    broke = [s for s in truth if truth[s] == "broke"]
    assert found.breaks_at_s == min(broke, default=None)
    if found.survives_s is not None:
        assert truth[found.survives_s] == "survived"
        assert not any(s <= found.survives_s for s in broke)
    assert found.verdict.outcome is expected(asked, truth)


def expected(asked: Search, truth: Mapping[float, State]) -> Outcome:
    """The outcome of the search, from the states of the lengths that were tried."""
    required = {truth[s] for s in truth if asked.requires(s)}
    if "failed" in truth.values() or "broke" in required:
        return Outcome.FAIL
    if asked.at_least_s is None:
        decided = {"survived", "broke"} & set(truth.values())
        return Outcome.PASS if decided else Outcome.UNKNOWN
    passes = asked.at_least_s in truth and required == {"survived"}
    return Outcome.PASS if passes else Outcome.UNKNOWN
