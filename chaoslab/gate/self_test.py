"""The gate tries itself: every fault of every scenario is disabled in turn, and none is believed.

Pure: what is to be tried, and what a try came to. `self_test_run` does it.
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

# Scenarios of one pytest process: fewer share its start, more wait for the slowest of them.
BATCH = 4
# The longest first, so that no worker is left with one at the end: without its fault a run that
# still sees it in force waits for what never comes.
_ORDER: tuple[MutationKind, ...] = ("bypassed", "inert-to-app", "inert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One scenario with one fault to be disabled in one way; `nodeid` is as pytest takes it."""

    nodeid: str
    scenario: str
    mutation: Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Scenarios that one pytest process runs with the same mutation."""

    mutation: Mutation
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a mutated run has left."""

    verdicts: tuple[Verdict, ...]
    topology: Topology
    plan: Plan
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a trial came to. `outcome` is the worst verdict, or None where nothing was judged;
    `holds` says whether the lab saw through the mutation, and `reason` why it did, or did not.
    """

    trial: Trial
    outcome: Outcome | None
    holds: bool
    reason: str
    seconds: float


def trials(
    plans: Mapping[str, tuple[str, Plan]], kinds: tuple[MutationKind, ...] = MUTATIONS
) -> Iterator[Trial]:
    """Each fault of each plan (by node id, with the scenario's name) in each way that applies."""
    for nodeid, (scenario, plan) in plans.items():
        for fault in plan.faults:
            for kind in mutations_of(fault):
                if kind in kinds:
                    mutation = Mutation(kind=kind, fault=fault.label)
                    yield Trial(nodeid=nodeid, scenario=scenario, mutation=mutation)


def batches(of: Iterable[Trial], size: int = BATCH) -> list[Batch]:
    """The trials of one mutation together, a few at a time, in the order to run them in."""
    alike: defaultdict[Mutation, list[Trial]] = defaultdict(list)
    for trial in of:
        alike[trial.mutation].append(trial)
    made = [
        Batch(mutation=mutation, trials=tuple(mine[at : at + size]))
        for mutation, mine in alike.items()
        for at in range(0, len(mine), size)
    ]
    return sorted(made, key=lambda b: (_ORDER.index(b.mutation.kind), -len(b.trials)))


def judged(trial: Trial, ran: Ran, seconds: float) -> Tried:
    """Whether the lab saw through it: UNKNOWN, and for want of the very fault that was disabled.

    A run that is UNKNOWN for another reason, such as a starved machine, must lack the evidence all
    the same: on another day that reason is gone.
    """
    outcome, label = worst(v.outcome for v in ran.verdicts), trial.mutation.fault
    fault = ran.plan.fault(label)
    assert fault is not None, f"{trial.scenario} ran without {label}"
    evidence = evidence_of(fault, ran.topology, ran.history)
    if outcome is not Outcome.UNKNOWN:
        wrong = next((v for v in ran.verdicts if v.outcome is outcome), None)
        reason = f"{wrong.name} is {outcome.value}: {_first(wrong)}" if wrong else "no verdict"
    elif evidence.observed:
        link, lines = next((link, lines) for link, lines in evidence.per_link.items() if lines)
        reason = f"accepted as observed on {link}: {lines[0]}"
    else:
        reason = str(evidence.missing)
    return Tried(
        trial=trial,
        outcome=outcome,
        holds=outcome is Outcome.UNKNOWN and not evidence.observed,
        reason=reason,
        seconds=seconds,
    )


def _first(verdict: Verdict) -> str:
    return verdict.because[0].text if verdict.because else "no reason given"
