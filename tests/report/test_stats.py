"""Figures say how far they can be trusted: no p95 of three boots, no interval of two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.report.boots import Row
from chaoslab.report.stats import compared, delta, paired_deltas, spread
from chaoslab.report.wilson import wilson


def test_a_spread_of_many_has_a_true_p95() -> None:
    """From 20 values on the 95th percentile is one; NaN are left out."""
    found = spread(np.array([*range(1, 101), np.nan], dtype=float))
    assert (found.n, found.p50_s, found.p95_is_max) == (100, 50.5, False)
    assert found.p95_s == pytest.approx(95.05)


def test_few_values_give_their_maximum_instead_of_p95() -> None:
    """Nineteen values carry no p95."""
    found = spread(np.arange(19.0))
    assert (found.p50_s, found.p95_s, found.p95_is_max) == (9.0, 18.0, True)


def test_a_spread_of_nothing_has_no_figures() -> None:
    """All NaN is nothing, and no warning."""
    found = spread(np.array([np.nan, np.nan]))
    assert (found.n, found.p50_s, found.p95_s) == (0, None, None)


def test_a_clear_difference_has_an_interval_around_it() -> None:
    """A difference of 0.5 s is found, with an interval that is neither a point nor all values."""
    rng = np.random.default_rng(1)
    before, after = rng.normal(2.0, 0.1, 40), rng.normal(2.5, 0.1, 40)
    found = delta(before, after)
    assert found is not None
    assert found.low_s is not None
    assert found.high_s is not None
    assert found.low_s < found.delta_s < found.high_s
    assert 0.05 < found.high_s - found.low_s < 0.2
    assert 0.4 < found.low_s < found.high_s < 0.6
    assert found.is_clear


def test_the_interval_holds_the_truth_about_as_often_as_it_claims() -> None:
    """Without a difference about 5 % of the intervals leave zero out; 200 tries, 0 to 10 %."""
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(2.0, 0.3, 15), rng.normal(2.0, 0.3, 15)) for _ in range(200)]
    found = [delta(before, after) for before, after in pairs]
    assert 0 < sum(each is not None and each.is_clear for each in found) <= 20


def test_the_same_values_give_the_same_interval() -> None:
    """The resampling is seeded: a report reads the same twice."""
    rng = np.random.default_rng(3)
    before, after = rng.random(10), rng.random(10)
    assert delta(before, after) == delta(before, after)
    assert delta(before, after, seed=1) != delta(before, after, seed=2)


@pytest.mark.parametrize(("n", "interval"), [(1, False), (4, False), (5, True)])
def test_few_values_get_a_difference_but_no_interval(n: int, interval: bool) -> None:
    """Below five values on a side an interval would be a pretence."""
    found = delta(np.arange(20.0), np.arange(n, dtype=float))
    assert found is not None
    assert (found.low_s is not None) is interval
    if not interval:
        assert not found.is_clear


def test_without_values_on_one_side_there_is_no_difference() -> None:
    """A run whose boots never completed cannot be compared."""
    assert delta(np.array([np.nan]), np.array([1.0])) is None


def rows(**runs: dict[str, list[float]]) -> list[Row]:
    """Rows of boots: run -> scenario -> its start-up seconds."""
    names = ("scenario", "app", "boot", "startup_complete_s", "verdict", "run")
    return [
        dict(zip(names, (scenario, "backend", 1, value, "PASS", run), strict=True))
        for run, scenarios in runs.items()
        for scenario, values in scenarios.items()
        for value in values
    ]


def test_each_run_is_compared_to_the_first_of_them() -> None:
    """Not to the one before it; the first itself has no difference."""
    boots = rows(one={"a": [1.0]}, two={"a": [1.5]}, three={"a": [1.75], "b": [9.0]})
    found = {(each.run, each.scenario): each for each in compared(boots, ("startup_complete_s",))}
    assert found["one", "a"].delta is None
    deltas = [found[run, "a"].delta for run in ("two", "three")]
    assert [each and each.delta_s for each in deltas] == [0.5, 0.75]
    assert found["three", "b"].delta is None
    assert found["two", "a"].spreads["startup_complete_s"].p50_s == 1.5


def test_runs_with_one_boot_each_are_compared_over_their_scenarios() -> None:
    """Ten scenarios that are all 0.2 s slower are clear, though none is on its own."""
    scenarios = {f"s{i}": float(i) for i in range(10)}
    boots = rows(
        one={name: [value] for name, value in scenarios.items()},
        two={name: [value + 0.2 + i / 100] for i, (name, value) in enumerate(scenarios.items())},
        three={"other": [1.0]},
    )
    found = paired_deltas(boots)
    assert list(found) == ["two"]
    assert found["two"].delta_s == pytest.approx(0.245)
    assert found["two"].is_clear
    assert paired_deltas(rows(one={"a": [1.0]})) == {}


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(20, 20, 0.8389, 1.0), (0, 25, 0.0, 0.1332), (5, 10, 0.2366, 0.7634), (0, 0, 0.0, 1.0)],
)
def test_a_rate_carries_the_doubt_of_its_count(k: int, n: int, low: float, high: float) -> None:
    """Values of Wilson's interval as statistics packages give them."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-4)


def test_more_hits_than_tries_are_an_error() -> None:
    """Nothing is guessed of a count that cannot be."""
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


@st.composite
def counts(draw: st.DrawFn, most: int = 5000) -> tuple[int, int]:
    """So many hits of so many tries."""
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@examples(100)
@given(counts(), st.floats(0.5, 0.999))
def test_an_interval_holds_its_rate_and_grows_with_it(
    count: tuple[int, int], confidence: float
) -> None:
    """It lies in 0 to 1, one more hit moves neither end down, and misses mirror hits."""
    k, n = count
    low, high = wilson(k, n, confidence)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert low < high
    if k < n:
        more = wilson(k + 1, n, confidence)
        assert more[0] >= low
        assert more[1] >= high
    assert wilson(n - k, n, confidence) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@examples(100)
@given(counts(), st.floats(0.5, 0.99), st.integers(2, 20))
def test_more_tries_narrow_an_interval_and_more_confidence_widens_it(
    count: tuple[int, int], confidence: float, times: int
) -> None:
    """At the same rate."""
    k, n = count
    low, high = wilson(k, n, confidence)
    more = wilson(times * k, times * n, confidence)
    assert low <= more[0] <= more[1] <= high
    surer = wilson(k, n, confidence + 0.005)
    assert surer[0] <= low <= high <= surer[1]


SECONDS = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40)


@examples(60)
@given(SECONDS)
def test_a_spread_lies_within_its_values(values: list[float]) -> None:
    """Median and p95 between the least and the largest, in this order."""
    found = spread(np.array(values))
    assert found.n == len(values)
    assert found.p50_s is not None
    assert found.p95_s is not None
    assert min(values) <= found.p50_s <= found.p95_s <= max(values)


@examples(40)
@given(SECONDS, SECONDS)
def test_a_difference_and_its_interval_lie_within_what_was_measured(
    before: list[float], after: list[float]
) -> None:
    """Between the least and the largest difference of two values."""
    found = delta(np.array(before), np.array(after))
    assert found is not None
    least, most = min(after) - max(before), max(after) - min(before)
    assert least <= found.delta_s <= most
    if found.low_s is not None and found.high_s is not None:
        assert least <= found.low_s <= found.high_s <= most
