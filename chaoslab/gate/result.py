"""The result of a gate: scenarios, stages, rounds, and the decision that follows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.model.gate import AbortRule, GateStage, TakenRuntime
from chaoslab.model.verdict import Verdict
from chaoslab.preflight.finding import Inspected
from chaoslab.proxies.base import ProxyKind
from chaoslab.verdicts.how_long import HowLong

# `FLAKY`: passed only in a retry. `skipped`: a fault is not supported here. `not run`: selected,
# but the stage ended before it.
ScenarioOutcome = Literal["PASS", "FLAKY", "UNKNOWN", "FAIL", "skipped", "not run"]
OUTCOMES: tuple[ScenarioOutcome, ...] = ("PASS", "FLAKY", "UNKNOWN", "FAIL", "skipped", "not run")
_ROUNDING = 1e-9  # of a share, which is a float


class Decision(StrEnum):
    """The decision of a stage, of a round or of the whole gate: passed, inconclusive, refused,
    aborted, or usage (a mistake in the use of the gate). Each has its exit code.
    """

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    ABORTED = "aborted"
    USAGE = "usage"

    @property
    def exit_code(self) -> int:
        """The exit code: 0 passed, 1 refused, 2 usage, 3 inconclusive, 4 aborted."""
        return {"passed": 0, "refused": 1, "usage": 2, "inconclusive": 3, "aborted": 4}[self.value]


_PRECEDENCE = (*Decision,)


def worst_decision(decisions: Iterable[Decision]) -> Decision:
    """The worst of `decisions`, in this order from the worst: usage, aborted, refused,
    inconclusive, passed.

    Inconclusive if there is no decision.
    """
    return max(decisions, key=_PRECEDENCE.index, default=Decision.INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """The result of one scenario of a stage.

    `attempts` are the outcomes of all attempts in order. `reasons` say why the scenario did not
    pass, as text lines; `problems` are errors of the lab, with codes. `folders` are those of the
    last attempt. `how_long` has its searches for the length that breaks the app.
    """

    scenario: str
    nodeid: str
    outcome: ScenarioOutcome
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    folders: tuple[str, ...] = ()
    how_long: tuple[HowLong, ...] = ()
    attempts: tuple[ScenarioOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Why a stage was stopped: a rule of `abort_on`, a deadline, a signal, or the end of pytest."""

    cause: AbortRule | Literal["deadline", "interrupted", "pytest"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """The result of a stage that was begun.

    `mistake` is a mistake of the user; `doubt` says why the stage is inconclusive although all its
    scenarios passed.
    """

    stage: GateStage
    scenarios: tuple[ScenarioResult, ...]
    seconds: float
    folder: str = ""
    abort: Abort | None = None
    mistake: str = ""
    doubt: str = ""

    @property
    def counts(self) -> Mapping[ScenarioOutcome, int]:
        """The number of scenarios with each outcome."""
        found = Counter(each.outcome for each in self.scenarios)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def pass_rate(self) -> float:
        """The share of all selected scenarios that passed, 0 to 1; 0 if none was selected."""
        return self.counts["PASS"] / len(self.scenarios) if self.scenarios else 0.0

    @property
    def decision(self) -> Decision:
        """The decision of the stage: usage after a mistake of the user, aborted if the stage was
        stopped, refused if too many scenarios failed, inconclusive if a scenario is undecided, else
        passed.

        A stage with a `doubt`, or without scenarios, is inconclusive too.
        """
        if self.mistake:
            return Decision.USAGE
        if self.abort is not None:
            return Decision.ABORTED
        total, failed = len(self.scenarios), self.counts["FAIL"]
        if total - failed < self.stage.pass_rate * total - _ROUNDING:
            return Decision.REFUSED
        if self.undecided or self.doubt or not total:
            return Decision.INCONCLUSIVE
        return Decision.PASSED

    @property
    def undecided(self) -> int:
        """How many scenarios neither passed nor failed."""
        return len(self.scenarios) - self.counts["PASS"] - self.counts["FAIL"]

    @property
    def why(self) -> str:
        """The reason of the decision; empty if the stage passed."""
        match self.decision:
            case Decision.USAGE:
                return self.mistake
            case Decision.ABORTED:
                assert self.abort is not None
                return self.abort.why
            case Decision.REFUSED:
                rates = f"pass rate {self.pass_rate:.3g}, required {self.stage.pass_rate:.3g}"
                return f"{self.counts['FAIL']} of {len(self.scenarios)} scenarios failed: {rates}"
            case Decision.INCONCLUSIVE:
                return self.doubt or self._undecided_text()
        return ""

    def _undecided_text(self) -> str:
        shown = [f"{n} {name}" for name, n in self.counts.items() if n and name not in _DECIDED]
        total = len(self.scenarios)
        return f"{self.undecided} of {total} scenarios are undecided ({', '.join(shown)})"


_DECIDED = ("PASS", "FAIL")
PROXIES: Mapping[ProxyKind, str] = {
    "embedded": "the embedded engine",
    "toxiproxy": "a real Toxiproxy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """The result of one round of the stages. `not_reached` names the stages that were not begun."""

    stages: tuple[StageResult, ...]
    not_reached: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        """The worst decision of its stages."""
        return worst_decision(stage.decision for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRuntime:
    """The runtime of a gate: what was requested (`asked`), which one was taken, and why.

    `proxy` is the proxy on the links.
    """

    asked: str
    taken: TakenRuntime
    why: str
    proxy: ProxyKind

    @property
    def text(self) -> str:
        """The runtime and the proxy in a few words."""
        return f"{self.taken}, {PROXIES[self.proxy]} on the links"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The result of a gate. `stopped` says why not all rounds were run."""

    topology: str
    source: str
    runtime: ChosenRuntime
    commands: tuple[str, ...]
    workers: int
    retries: int
    repeat: int
    started_at: str
    seconds: float
    folder: str
    rounds: tuple[RoundResult, ...]
    preflight: Inspected | None = None
    stopped: str = ""

    @property
    def decision(self) -> Decision:
        """The worst of the decisions of preflight and rounds, and of `aborted` if the gate was
        stopped early.
        """
        found = [each.decision for each in self.rounds]
        if self.preflight is not None:
            found.append(Decision.REFUSED if self.preflight.findings else Decision.PASSED)
        if self.stopped:
            found.append(Decision.ABORTED)
        return worst_decision(found)

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons of the decision; empty if the gate passed."""
        reasons = [self.stopped] if self.stopped else []
        if self.preflight is not None and self.preflight.findings:
            count = len(self.preflight.findings)
            reasons.append(f"preflight: {count} finding{'s' if count > 1 else ''}")
        for number, each in enumerate(self.rounds, start=1):
            where = f"round {number}, " if self.repeat > 1 else ""
            reasons += [f"{where}{s.stage.name}: {s.why}" for s in each.stages if s.why]
        return tuple(reasons)

    @property
    def to_explain(self) -> Iterator[ScenarioResult]:
        """The scenarios that ran and did not pass."""
        for stage in (stage for each in self.rounds for stage in each.stages):
            yield from (s for s in stage.scenarios if s.outcome not in ("PASS", "not run"))

    @property
    def searches(self) -> Iterator[tuple[str, HowLong]]:
        """The scenarios' names with their searches for the length that breaks an app."""
        for stage in (stage for each in self.rounds for stage in each.stages):
            yield from ((s.scenario, each) for s in stage.scenarios for each in s.how_long)
