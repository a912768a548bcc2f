"""The self-test of the gate: which faults to disable in which scenarios, and how to judge the runs.

Each fault is disabled in turn, and each such run must end UNKNOWN. Pure; `self_test_run` runs the
self-test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from chaoslab.faults.base import MutationKind
from chaoslab.faults.evidence import evidence_of
from chaoslab.faults.mutation import MUTATIONS, Mutation, mutations_of
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, worst

# Scenarios of one pytest process. With fewer, its start costs more time for each scenario; with
# more, the other workers wait longer for the last process.
BATCH = 4
# The longest runs first, so that the workers end at about the same time. The longest are those in
# which the lab still observes the fault in force: they wait for an effect that does not come.
_ORDER: tuple[MutationKind, ...] = ("bypassed", "inert-to-app", "inert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One scenario with one fault disabled in one way. `nodeid` is pytest's id of the test."""

    nodeid: str
    scenario: str
    mutation: Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Trials with the same mutation, which one pytest process runs."""

    mutation: Mutation
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRun:
    """The saved run of a trial."""

    verdicts: tuple[Verdict, ...]
    topology: Topology
    plan: Plan
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """The result of a trial. `outcome` is the worst verdict, or None if nothing was judged.

    `passed` says whether the lab detected the disabled fault, and `reason` why.
    """

    trial: Trial
    outcome: Outcome | None
    passed: bool
    reason: str
    seconds: float


def trials(
    plans: Mapping[str, tuple[str, Plan]], kinds: tuple[MutationKind, ...] = MUTATIONS
) -> Iterator[Trial]:
    """One trial for each fault of each plan and each kind of mutation that applies to it.

    `plans` maps each node id to the scenario's name and plan.
    """
    for nodeid, (scenario, plan) in plans.items():
        for fault in plan.faults:
            for kind in mutations_of(fault):
                if kind in kinds:
                    mutation = Mutation(kind=kind, fault=fault.label)
                    yield Trial(nodeid=nodeid, scenario=scenario, mutation=mutation)


def batches(of: Iterable[Trial], size: int = BATCH) -> list[Batch]:
    """The trials in batches, in the order to run them. A batch has at most `size` trials, all with
    the same mutation.
    """
    alike: defaultdict[Mutation, list[Trial]] = defaultdict(list)
    for trial in of:
        alike[trial.mutation].append(trial)
    made = [
        Batch(mutation=mutation, trials=tuple(mine[at : at + size]))
        for mutation, mine in alike.items()
        for at in range(0, len(mine), size)
    ]
    return sorted(made, key=lambda b: (_ORDER.index(b.mutation.kind), -len(b.trials)))


def judged(trial: Trial, run: TrialRun, seconds: float) -> TrialResult:
    """The result of a trial. It passed if the run is UNKNOWN and has no evidence of the disabled
    fault.

    The evidence must be missing also if the run is UNKNOWN for another reason, such as a slow
    machine: in another run that reason may be absent.
    """
    outcome, label = worst(v.outcome for v in run.verdicts), trial.mutation.fault
    fault = run.plan.fault(label)
    assert fault is not None, f"{trial.scenario} ran without {label}"
    evidence = evidence_of(fault, run.topology, run.history)
    if outcome is not Outcome.UNKNOWN:
        wrong = next((v for v in run.verdicts if v.outcome is outcome), None)
        reason = f"{wrong.name} is {outcome.value}: {_first(wrong)}" if wrong else "no verdict"
    elif evidence.observed:
        link, lines = next((link, lines) for link, lines in evidence.per_link.items() if lines)
        reason = f"accepted as observed on {link}: {lines[0]}"
    else:
        reason = str(evidence.missing)
    return TrialResult(
        trial=trial,
        outcome=outcome,
        passed=outcome is Outcome.UNKNOWN and not evidence.observed,
        reason=reason,
        seconds=seconds,
    )


def _first(verdict: Verdict) -> str:
    return verdict.because[0].text if verdict.because else "no reason given"
