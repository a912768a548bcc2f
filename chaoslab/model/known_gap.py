"""A failure that a team knows and tolerates for a time, as the topology declares it. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGap:
    """A verdict that may FAIL until a date.

    `run` is the name of a cell of `chaoslab run`, or the name of a scenario's folder. `verdict` is
    the name of the verdict, such as `recovers`. `expires` is the last day on which the failure is
    tolerated.
    """

    run: str
    verdict: str
    reason: str
    owner: str
    since: date
    expires: date
