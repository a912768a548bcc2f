"""What a gate came to: scenarios, stages, rounds, and the decision drawn from them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from chaoslab.model.gate import AbortRule, GateStage
from chaoslab.model.verdict import Verdict
from chaoslab.preflight.finding import Inspected
from chaoslab.proxies.base import ProxyKind

# `FLAKY` passed only when it was tried again; `skipped` is a fault that could not be made here;
# `not run` was selected and then not reached.
ScenarioOutcome = Literal["PASS", "FLAKY", "UNKNOWN", "FAIL", "skipped", "not run"]
OUTCOMES: tuple[ScenarioOutcome, ...] = ("PASS", "FLAKY", "UNKNOWN", "FAIL", "skipped", "not run")
_ALMOST = 1e-9  # shares are floats


class Decision(StrEnum):
    """What a stage, a round or the whole gate came to."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    ABORTED = "aborted"
    USAGE = "usage"

    @property
    def exit_code(self) -> int:
        """0 passed, 1 refused, 2 usage, 3 inconclusive, 4 aborted."""
        return {"passed": 0, "refused": 1, "usage": 2, "inconclusive": 3, "aborted": 4}[self.value]


_PRECEDENCE = (*Decision,)


def gravest(decisions: Iterable[Decision]) -> Decision:
    """The one that goes before the others: usage, aborted, refused, inconclusive, passed."""
    return max(decisions, key=_PRECEDENCE.index, default=Decision.INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """One scenario of a stage. `attempts` are the outcomes of its tries in order; `reasons` say
    why it did not pass; `folders` are those of its last try.
    """

    scenario: str
    nodeid: str
    outcome: ScenarioOutcome
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    folders: tuple[str, ...] = ()
    attempts: tuple[ScenarioOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Why a stage was stopped: a rule of `abort_on`, its deadline, a signal, pytest's own death."""

    cause: AbortRule | Literal["deadline", "interrupted", "pytest"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """A stage that was run, or begun. `mistake` is the user's; `doubt` is why a stage whose
    scenarios all passed is not believed.
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
        """How many scenarios came to what; every outcome has its number."""
        found = Counter(each.outcome for each in self.scenarios)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def pass_rate(self) -> float:
        """The share of all selected scenarios that passed, 0 to 1; 0 where there is none."""
        return self.counts["PASS"] / len(self.scenarios) if self.scenarios else 0.0

    @property
    def decision(self) -> Decision:
        """Refused only by failures: what is undecided does not pass, but shows nothing bad."""
        if self.mistake:
            return Decision.USAGE
        if self.abort is not None:
            return Decision.ABORTED
        total, failed = len(self.scenarios), self.counts["FAIL"]
        if total - failed < self.stage.pass_rate * total - _ALMOST:
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
        """The decision in a sentence; empty where the stage passed."""
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
                return self.doubt or f"{self.undecided} of {len(self.scenarios)} {self._told()}"
        return ""

    def _told(self) -> str:
        shown = [f"{n} {name}" for name, n in self.counts.items() if n and name not in _DECIDED]
        return f"scenarios are undecided ({', '.join(shown)})"


_DECIDED = ("PASS", "FAIL")
PROXIES: Mapping[ProxyKind, str] = {
    "embedded": "the embedded engine",
    "toxiproxy": "a real Toxiproxy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """The stages once through; those after an abort are absent, by name in `not_reached`."""

    stages: tuple[StageResult, ...]
    not_reached: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        """The gravest of its stages."""
        return gravest(stage.decision for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTaken:
    """Where the gate ran: what was asked for, what was taken, and why where that was a choice.

    `proxy` is what sat on the links.
    """

    asked: str
    taken: Literal["docker", "local"]
    why: str
    proxy: ProxyKind

    @property
    def told(self) -> str:
        """Runtime and proxy in a few words, for a line of text."""
        return f"{self.taken}, {PROXIES[self.proxy]} on the links"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A whole gate. `stopped` says why not all rounds were run."""

    topology: str
    source: str
    runtime: RuntimeTaken
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
        """The gravest of preflight and rounds; aborted where a round was not reached."""
        found = [each.decision for each in self.rounds]
        if self.preflight is not None:
            found.append(Decision.REFUSED if self.preflight.findings else Decision.PASSED)
        if self.stopped:
            found.append(Decision.ABORTED)
        return gravest(found)

    @property
    def why(self) -> tuple[str, ...]:
        """What the decision rests on, a sentence each; empty where the gate passed."""
        told = [self.stopped] if self.stopped else []
        if self.preflight is not None and self.preflight.findings:
            count = len(self.preflight.findings)
            told.append(f"preflight: {count} finding{'s' if count > 1 else ''}")
        for number, each in enumerate(self.rounds, start=1):
            where = f"round {number}, " if self.repeat > 1 else ""
            told += [f"{where}{s.stage.name}: {s.why}" for s in each.stages if s.why]
        return tuple(told)
