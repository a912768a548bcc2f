"""How often each scenario passed in the rounds of a gate: a measure of flakiness. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chaoslab.gate.result import RoundResult, ScenarioOutcome
from chaoslab.report.wilson import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One scenario over all rounds, by its first attempt in each.

    `rate` is the share of passes among the attempts that passed or failed; `low` and `high` are
    its 95 % interval. All three are None if no attempt passed or failed.
    """

    scenario: str
    passed: int
    failed: int
    unknown: int
    skipped: int
    not_run: int
    rate: float | None
    low: float | None
    high: float | None

    @property
    def interval(self) -> str:
        """The rate with its interval as text; `-` if there is none."""
        if self.rate is None:
            return "-"
        return f"{self.rate:.3f} ({self.low:.3f} to {self.high:.3f})"


def rates(rounds: Sequence[RoundResult]) -> tuple[Rate, ...]:
    """The Rate of every scenario, in the order in which the scenarios first ran.

    A scenario that two stages select is counted in each of them.
    """
    found: dict[str, Counter[ScenarioOutcome]] = {}
    for stage in (stage for each in rounds for stage in each.stages):
        for result in stage.scenarios:
            first = result.attempts[0] if result.attempts else result.outcome
            found.setdefault(result.scenario, Counter())[first] += 1
    return tuple(_rate(scenario, counts) for scenario, counts in found.items())


def _rate(scenario: str, counts: Counter[ScenarioOutcome]) -> Rate:
    passed, failed = counts["PASS"], counts["FAIL"]
    low, high = wilson(passed, passed + failed) if passed + failed else (None, None)
    return Rate(
        scenario=scenario,
        passed=passed,
        failed=failed,
        unknown=counts["UNKNOWN"],
        skipped=counts["skipped"],
        not_run=counts["not run"],
        rate=passed / (passed + failed) if passed + failed else None,
        low=low,
        high=high,
    )
