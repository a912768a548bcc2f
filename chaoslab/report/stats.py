"""Start-up latencies in figures: medians, p95, and the difference to a baseline with its doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from chaoslab.seeds import generator

Values: TypeAlias = npt.NDArray[np.float64]

# Below 20 values the 95th percentile is no more than a guess between the two largest.
ENOUGH_FOR_P95 = 20
# A resampled median of fewer values than this takes too few different values to be an interval.
ENOUGH_FOR_INTERVAL = 5
RESAMPLES = 2_000
_KIND = ["scenario", "app", "boot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A sample of seconds in figures; `p50_s` and `p95_s` are None where there are no values.

    `p95_s` is the largest value, and `p95_is_max` true, below 20 values.
    """

    n: int
    p50_s: float | None
    p95_s: float | None
    p95_is_max: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Median minus the baseline's median, seconds; the 95 % interval is None where a side has
    fewer than five values.
    """

    delta_s: float
    low_s: float | None
    high_s: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        if self.low_s is None or self.high_s is None:
            return False
        return self.low_s > 0 or self.high_s < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The boots of one kind (scenario, app, count of the boot) in one run, and how they differ
    from the first run's; `delta` is None in that run itself and where it has no such boots.
    """

    scenario: str
    app: str
    boot: int
    run: str
    boots: int
    verdict: str
    spreads: Mapping[str, Spread]
    delta: Delta | None


def spread(values: Values) -> Spread:
    """Count, median and p95 of the values that are not NaN (linear between order statistics)."""
    known = values[~np.isnan(values)]
    few = known.size < ENOUGH_FOR_P95
    if not known.size:
        return Spread(n=0, p50_s=None, p95_s=None, p95_is_max=few)
    p95_s = known.max() if few else np.quantile(known, 0.95)
    return Spread(n=known.size, p50_s=float(np.median(known)), p95_s=float(p95_s), p95_is_max=few)


def delta(baseline: Values, candidate: Values, *, seed: int = 0) -> Delta | None:
    """Median of `candidate` minus that of `baseline`, with a percentile bootstrap interval (95 %).

    NaN are left out; None where a side has no values. The same seed gives the same interval.
    Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    before, after = baseline[~np.isnan(baseline)], candidate[~np.isnan(candidate)]
    if not before.size or not after.size:
        return None
    delta_s = float(np.median(after) - np.median(before))
    if min(before.size, after.size) < ENOUGH_FOR_INTERVAL:
        return Delta(delta_s=delta_s, low_s=None, high_s=None)
    draws = _resampled_medians(after, seed, "after") - _resampled_medians(before, seed, "before")
    low_s, high_s = np.quantile(draws, (0.025, 0.975))
    return Delta(delta_s=delta_s, low_s=float(low_s), high_s=float(high_s))


def compared(
    boots: pd.DataFrame, times: tuple[str, ...], by: str = "startup_complete_s"
) -> Iterator[Comparison]:
    """Each kind of boot in each run, in the frame's order, kind by kind.

    `boots` is a frame of `boots_frame`; `times` are the columns to sum up; `by` is the column
    whose medians are compared to those of the frame's first run.
    """
    first_run = boots["run"].iloc[0] if len(boots) else ""
    for (scenario, app, boot), rows in boots.groupby(_KIND, sort=False):
        baseline: Values = _values(rows[rows["run"] == first_run], by)
        for run, group in rows.groupby("run", sort=False):
            yield Comparison(
                scenario=str(scenario),
                app=str(app),
                boot=int(str(boot)),
                run=str(run),
                boots=len(group),
                verdict=str(group["verdict"].iloc[0]),
                spreads={name: spread(_values(group, name)) for name in times},
                delta=None if run == first_run else delta(baseline, _values(group, by)),
            )


def paired_deltas(boots: pd.DataFrame, by: str = "startup_complete_s") -> Mapping[str, Delta]:
    """Per later run the median difference to the first run over the kinds of boot that both have.

    One difference per kind (median minus median), so that a run with one boot of each scenario
    can still be compared; the interval comes from resampling the kinds. Empty for one run.
    """
    medians = boots.groupby([*_KIND, "run"], sort=False)[by].median().unstack("run")
    runs = list(dict.fromkeys(boots["run"]))
    found: dict[str, Delta] = {}
    for run in runs[1:]:
        differences = (medians[run] - medians[runs[0]]).to_numpy(dtype=np.float64)
        known = differences[~np.isnan(differences)]
        difference = delta(np.zeros(known.size), known)
        if difference is not None:
            found[run] = difference
    return found


def _values(rows: pd.DataFrame, column: str) -> Values:
    return rows[column].to_numpy(dtype=np.float64)


def _resampled_medians(values: Values, seed: int, name: str) -> Values:
    rng = np.random.default_rng(generator(seed, "bootstrap", name).getrandbits(64))
    picks = rng.integers(0, values.size, size=(RESAMPLES, values.size))
    return np.median(values[picks], axis=1)
