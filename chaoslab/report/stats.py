"""Statistics of start-up times: medians, p95, and differences with their interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from chaoslab.seeds import generator

Values: TypeAlias = npt.NDArray[np.float64]

# With fewer values the 95th percentile lies between the two largest and means little.
ENOUGH_FOR_P95 = 20
# With fewer values the resampled medians have too few different values for an interval.
ENOUGH_FOR_INTERVAL = 5
RESAMPLES = 2_000
_KIND = ["scenario", "app", "boot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Statistics of `n` values in seconds. `p50_s` and `p95_s` are None for no value.

    With fewer than 20 values `p95_is_max` is true and `p95_s` is the largest value.
    """

    n: int
    p50_s: float | None
    p95_s: float | None
    p95_is_max: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The median minus the baseline's median, in seconds, with a 95 % interval.

    `low_s` and `high_s` are None if one side has fewer than five values.
    """

    delta_s: float
    low_s: float | None
    high_s: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        if self.low_s is None or self.high_s is None:
            return False
        return self.low_s > 0 or self.high_s < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The boots of one kind (scenario, app, number of the boot) in one run.

    `delta` compares them with the first run; None for that run itself, or if it has no such boots.
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
    """Count, median and p95 of the values that are not NaN, with linear interpolation."""
    known = values[~np.isnan(values)]
    few = known.size < ENOUGH_FOR_P95
    if not known.size:
        return Spread(n=0, p50_s=None, p95_s=None, p95_is_max=few)
    p95_s = known.max() if few else np.quantile(known, 0.95)
    return Spread(n=known.size, p50_s=float(np.median(known)), p95_s=float(p95_s), p95_is_max=few)


def delta(baseline: Values, candidate: Values, *, seed: int = 0) -> Delta | None:
    """Median of `candidate` minus that of `baseline`, with a percentile bootstrap interval (95 %).

    NaN is left out. None if one side has no value. The same seed gives the same interval.
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
    """One Comparison for each kind of boot in each run, in the order of the frame.

    `boots` is a frame of `boots_frame`, `times` are the columns for `spreads`, and `by` is the
    column whose medians are compared with those of the frame's first run.
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
    """For each later run: the median difference to the first run over the kinds of boot in both.

    Each kind gives one difference (median minus median), so runs with one boot of each scenario can
    be compared. The interval comes from resampling the kinds. Empty for a single run.
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
