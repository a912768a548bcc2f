"""What of a run can be accepted: the policy of each cell, and deadlines from what was observed.
Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from chaoslab.behaviour.dependency import dependencies
from chaoslab.behaviour.facts import Answers, Facts
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.loader.accepted import TRIED, AppNeeds, AppPolicies
from chaoslab.model.policy import CutMode, Need, OutageMode, Policy, PolicyMoment
from chaoslab.model.verdict import Outcome, Verdict

TWICE = 2.0  # a deadline is twice what was observed,
MORE_S = 1.0  # and a second more: the next machine may be slower


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The policies, needs and deadlines to write, each by the name of the app, and why other cells
    are not accepted, by the name of the cell.
    """

    policies: Mapping[str, AppPolicies]
    needs: Mapping[str, AppNeeds]
    deadlines: Mapping[str, Mapping[str, float]]
    refused: Mapping[str, str]


def accepted(run: MatrixRun) -> Accepted:
    """What of the run can be accepted. What is wrong under any policy is not, nor what is not
    known.
    """
    policies: dict[str, dict[str, dict[PolicyMoment, dict[OutageMode, Policy]]]] = {}
    refused: dict[str, str] = {}
    kept: dict[str, list[Ran]] = {}
    for ran in run.ran.values():
        cell = ran.cell
        if why := _why_not(ran):
            refused[cell.name] = why
            continue
        kept.setdefault(cell.app, []).append(ran)
        modes = TRIED.get(cast("PolicyMoment", cell.moment), ())
        if cell.fault not in modes:
            continue
        found = policy_of(ran.behaviour.facts, at_boot=cell.moment == "boot")
        if found is None:
            refused[cell.name] = _no_policy(ran.behaviour.facts)
            continue
        moments = policies.setdefault(cell.app, {}).setdefault(cell.target, {})
        moment, mode = cast("PolicyMoment", cell.moment), cell.fault
        moments.setdefault(moment, {})[mode] = found
    deadlines = {app: dict(_deadlines(rans)) for app, rans in kept.items() if app in policies}
    needs = _needs(run, policies)
    return Accepted(policies=policies, needs=needs, deadlines=deadlines, refused=refused)


def _needs(run: MatrixRun, policies: Mapping[str, AppPolicies]) -> Mapping[str, AppNeeds]:
    """What each app needs each service for, where its policy at boot is accepted."""
    found: dict[str, dict[str, dict[CutMode, Need]]] = {}
    for each in dependencies(ran.behaviour for ran in run.ran.values()):
        accepted = policies.get(each.app, {}).get(each.service, {}).get("boot", {})
        for fault, need in each.needs.items():
            mode = cast("CutMode", fault)
            if mode in accepted and need != "not known":
                found.setdefault(each.app, {}).setdefault(each.service, {})[mode] = need
    return found


def policy_of(facts: Facts, *, at_boot: bool) -> Policy | None:
    """The policy that the facts show. None if there is no policy for them: something hangs, or the
    app exits with 0, after which no supervisor has to start it.
    """
    if facts.exits:
        return "exit" if all(each.code != 0 for each in facts.exits) else None
    if at_boot and not facts.started_under_fault:
        answered = facts.start is not None and facts.start.last_status is not None
        return "unavailable" if answered else "wait"
    if any("hangs" in each.ways for each in facts.under):
        return None
    if not facts.changed:
        return "unaffected"
    health = [each for each in facts.under if each.role == "health"]
    if any("degraded" in each.settled for each in health):
        return "degrade"
    return "unavailable" if any(not each.settled_good for each in health) else None


def _why_not(ran: Ran) -> str:
    """Why a cell is not accepted. Empty if it may be."""
    if not ran.behaviour.known:
        return ran.behaviour.sentence
    for outcome, what in ((Outcome.FAIL, "wrong under any policy"), (Outcome.UNKNOWN, "not known")):
        if verdict := _first(ran.verdicts, outcome):
            because = str(verdict.because[0]) if verdict.because else verdict.claim
            return f"{what}: {verdict.name}: {because}"
    return ""


def _first(verdicts: Iterable[Verdict], outcome: Outcome) -> Verdict | None:
    return next((verdict for verdict in verdicts if verdict.outcome is outcome), None)


def _no_policy(facts: Facts) -> str:
    if facts.exits:
        return "it exits with 0, after which a supervisor that restarts on failure does nothing"
    hanging = [each.name for each in facts.under if "hangs" in each.ways]
    if hanging:
        return f"{' and '.join(hanging)} hang: no policy allows that"
    if facts.process_ends:
        names = " and ".join(each.name for each in facts.process_ends)
        return f"health stays healthy while process {names} exits: no policy allows that"
    return "health stays healthy, and something changed: no policy says what"


def _deadlines(rans: Iterable[Ran]) -> Iterator[tuple[str, float]]:
    """Yields a deadline for each kind of time that was observed."""
    every = [ran.behaviour.facts for ran in rans]
    at_once = (f.start for f in every if f.start and f.up_after_s is None)
    starts = [s.complete_s for s in at_once if s.complete_s is not None and not s.attached]
    exits = [each.after_s for f in every for each in f.exits]
    backs = [each.after_s for f in every for each in f.back if each.after_s is not None]
    backs += [f.up_after_s for f in every if f.up_after_s is not None]
    turns = [_noticed_s(each) for f in every for each in f.under if each.role == "health"]
    for key, seen in (
        ("startup_s", starts),
        ("fail_fast_s", exits),
        ("degraded_s", turns),
        ("recovery_s", backs),
    ):
        if longest_s := max(seen, default=0.0):
            yield key, _roomy(longest_s)


def _noticed_s(health: Answers) -> float:
    return 0.0 if health.settled_good else health.settled_after_s


def _roomy(observed_s: float) -> float:
    """A deadline with room for a slower machine, in half seconds."""
    return math.ceil((TWICE * observed_s + MORE_S) * 2) / 2
