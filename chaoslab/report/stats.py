"""Statistics of start-up times: medians, p95, and differences with their interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import median
from typing import TYPE_CHECKING, Any

from chaoslab.report.boots import Row
from chaoslab.seeds import generator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

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

    `delta` compares them with the same kind in the first run. It is None in the first run itself,
    or if one of the two runs has no value.
    """

    scenario: str
    app: str
    boot: int
    run: str
    boots: int
    verdict: str
    spreads: Mapping[str, Spread]
    delta: Delta | None


def spread(values: Iterable[float]) -> Spread:
    """The Spread of the values that are not NaN: count, median, and p95 by linear interpolation."""
    known = _known(values)
    few = len(known) < ENOUGH_FOR_P95
    if not known:
        return Spread(n=0, p50_s=None, p95_s=None, p95_is_max=few)
    p95_s = known[-1] if few else _quantile(known, 0.95)
    return Spread(n=len(known), p50_s=float(median(known)), p95_s=float(p95_s), p95_is_max=few)


def delta(baseline: Iterable[float], candidate: Iterable[float], *, seed: int = 0) -> Delta | None:
    """The Delta of two lists of times: median of `candidate` minus that of `baseline`, with a
    percentile bootstrap interval (95 %).

    NaN is left out. None if one side has no value. The same seed gives the same interval. Source:
    B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    before, after = _known(baseline), _known(candidate)
    if not before or not after:
        return None
    delta_s = float(median(after) - median(before))
    if min(len(before), len(after)) < ENOUGH_FOR_INTERVAL:
        return Delta(delta_s=delta_s, low_s=None, high_s=None)
    import numpy as np

    draws = _resampled_medians(after, seed, "after") - _resampled_medians(before, seed, "before")
    low_s, high_s = np.quantile(draws, (0.025, 0.975))
    return Delta(delta_s=delta_s, low_s=float(low_s), high_s=float(high_s))


def compared(
    boots: Sequence[Row], times: tuple[str, ...], by: str = "startup_complete_s"
) -> Iterator[Comparison]:
    """Yield one Comparison for each kind of boot in each run, in the order of the rows.

    `boots` are rows of `chaoslab.report.boots`, `times` are the names for `spreads`, and `by` is
    the name of the times whose medians are compared with those of the first run.
    """
    first_run = boots[0]["run"] if boots else ""
    for (scenario, app, boot), rows in _grouped(boots, _KIND):
        baseline = _values((row for row in rows if row["run"] == first_run), by)
        for (run,), group in _grouped(rows, ("run",)):
            yield Comparison(
                scenario=scenario,
                app=app,
                boot=boot,
                run=run,
                boots=len(group),
                verdict=str(group[0]["verdict"]),
                spreads={name: spread(_values(group, name)) for name in times},
                delta=None if run == first_run else delta(baseline, _values(group, by)),
            )


def paired_deltas(boots: Sequence[Row], by: str = "startup_complete_s") -> Mapping[str, Delta]:
    """Maps each later run to its median difference to the first run, over the kinds of boot in
    both.

    Each kind gives one difference (median minus median), so runs with one boot of each scenario can
    be compared. The interval comes from resampling the kinds. Empty for a single run.
    """
    medians = {
        run: {kind: spread(_values(group, by)).p50_s for kind, group in _grouped(rows, _KIND)}
        for (run,), rows in _grouped(boots, ("run",))
    }
    first, *later = medians or [""]
    found: dict[str, Delta] = {}
    for run in later:
        differences = [
            value - before
            for kind, value in medians[run].items()
            if value is not None and (before := medians[first].get(kind)) is not None
        ]
        difference = delta([0.0] * len(differences), differences)
        if difference is not None:
            found[run] = difference
    return found


def _known(values: Iterable[float]) -> list[float]:
    return sorted(value for value in values if not isnan(value))


def _quantile(values: Sequence[float], share: float) -> float:
    """The quantile of sorted values at `share` (0.95 for the 95th percentile), by linear
    interpolation between two neighbours.
    """
    place = share * (len(values) - 1)
    low = values[int(place)]
    high = values[min(int(place) + 1, len(values) - 1)]
    return min(low + (high - low) * (place % 1), high)


def _values(rows: Iterable[Row], name: str) -> list[float]:
    return [float(row.get(name, nan)) for row in rows]


def _grouped(rows: Iterable[Row], by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    """Yield the rows in groups: for each combination of values in the columns `by`, the tuple of
    these values and the list of its rows.

    The groups are in the order of their first rows.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    yield from groups.items()


def _resampled_medians(values: Sequence[float], seed: int, name: str) -> npt.NDArray[np.float64]:
    import numpy as np

    rng = np.random.default_rng(generator(seed, "bootstrap", name).getrandbits(64))
    picks = rng.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: npt.NDArray[np.float64] = np.median(np.array(values)[picks], axis=1)
    return medians
