"""The confidence interval of a rate. It needs no pandas, so the gate starts without it."""

from __future__ import annotations

from statistics import NormalDist


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The confidence interval (low, high) of a rate, for `k` successes of `n`. For n = 0: 0 to 1.

    Both ends are between 0 and 1. It is valid at the ends too: 20 of 20 gives 0.84 to 1. Raises
    ValueError unless 0 <= k <= n. Source: E. B. Wilson, JASA 22 (1927), 209-212.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, spread = k / n, z * z / n
    middle = (rate + spread / 2) / (1 + spread)
    half = (z / (1 + spread)) * (rate * (1 - rate) / n + spread / (4 * n)) ** 0.5
    low = 0.0 if k == 0 else middle - half
    high = 1.0 if k == n else middle + half
    return low, high
