"""What of a run can be accepted: the policy of each cell, and deadlines from what was observed.
Pure.

Nothing is accepted that the same run would not keep: each cell is judged again with the policies
and deadlines that the file would have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from chaoslab.behaviour.dependency import dependencies
from chaoslab.matrix.deadlines import (
    exits_within_s,
    observed_deadlines,
    why_not_all,
    with_observed,
)
from chaoslab.matrix.observed_policy import policy_of, why_no_policy
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import Cell
from chaoslab.model.loader.accepted import TRIED, AppNeeds, AppPolicies
from chaoslab.model.policy import CutMode, Need, OutageMode, Policies, Policy, PolicyMoment
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Outcome, Verdict

# Judges a cell as if its app were this one, whose start-up takes so many seconds.
Judge = Callable[[Ran, App, float], Sequence[Verdict]]
NOT_ALL = "not every cell was run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The policies, needs and deadlines to write, each by the name of the app, and why other cells
    are not accepted, by the name of the cell. `undated` says why an app has no deadlines.
    """

    policies: Mapping[str, AppPolicies]
    needs: Mapping[str, AppNeeds]
    deadlines: Mapping[str, Mapping[str, float]]
    refused: Mapping[str, str]
    undated: Mapping[str, str]


def accepted(run: MatrixRun, topology: Topology, judge: Judge, *, every_cell: bool) -> Accepted:
    """What of a run can be accepted that claimed no policy. What is wrong under any policy is not,
    nor what is not known, nor what its own policy would not allow.

    Deadlines come from a run of `every_cell` only: they hold for all of them.
    """
    policies: dict[str, AppPolicies] = {}
    deadlines: dict[str, Mapping[str, float]] = {}
    refused: dict[str, str] = {}
    undated: dict[str, str] = {}
    for app in topology.apps.values():
        mine = [ran for ran in run.ran.values() if ran.cell.app == app.name]
        found, why_not = _found(mine)
        refused |= why_not
        why = why_not_all(mine) if every_cell else NOT_ALL
        seconds = {} if why else observed_deadlines(mine)
        boot_s = _boot_s(mine)
        if seconds:
            why = _not_kept(mine, _proposed(app, found, seconds), boot_s, judge)
            seconds = {} if why else seconds
        proposed = _proposed(app, found, seconds)
        for ran in [ran for ran in mine if ran.cell in found]:
            policy = found[ran.cell]
            if wrong := _wrong(judge(ran, _strictly(proposed, policy, ran), boot_s)):
                refused[ran.cell.name] = f"as {policy} it would be {wrong}"
                del found[ran.cell]
        if found:
            policies[app.name] = _by_service(found)
            deadlines |= {app.name: seconds} if seconds else {}
            undated |= {app.name: why} if why else {}
    return Accepted(
        policies=policies,
        needs=_needs(run, topology, policies),
        deadlines=deadlines,
        refused={c.name: refused[c.name] for c in run.ran if c.name in refused},
        undated=undated,
    )


def _found(rans: Iterable[Ran]) -> tuple[dict[Cell, Policy], dict[str, str]]:
    """The policy of each cell that may be accepted, as its facts show it, and why others may not,
    by the name of the cell.
    """
    found: dict[Cell, Policy] = {}
    refused: dict[str, str] = {}
    for ran in rans:
        cell, facts = ran.cell, ran.behaviour.facts
        if not ran.behaviour.known:
            refused[cell.name] = ran.behaviour.sentence
        elif why := _wrong(ran.verdicts, "wrong under any policy"):
            refused[cell.name] = why
        elif cell.fault in TRIED.get(cast("PolicyMoment", cell.moment), ()):
            if (policy := policy_of(facts, at_boot=cell.moment == "boot")) is None:
                refused[cell.name] = why_no_policy(facts)
            else:
                found[cell] = policy
    return found, refused


def _not_kept(rans: Iterable[Ran], proposed: App, boot_s: float, judge: Judge) -> str:
    """Why the deadlines of the app are not written: a cell that was not wrong would be. Empty if
    none would.
    """
    for ran in rans:
        if not ran.behaviour.known or ran.outcome is Outcome.FAIL:
            continue
        before = {verdict.name for verdict in ran.verdicts}
        again = [v for v in judge(ran, proposed, boot_s) if v.name in before]
        if any(verdict.outcome is Outcome.FAIL for verdict in again):
            return f"{ran.cell.name} would be {_wrong(again)}"
    return ""


def _proposed(app: App, found: Mapping[Cell, Policy], seconds: Mapping[str, float]) -> App:
    """The app as the file would have it."""
    policies = {
        service: Policies(boot=moments.get("boot", {}), running=moments.get("running", {}))
        for service, moments in _by_service(found).items()
    }
    return replace(app, policies=policies, deadlines=with_observed(app.deadlines, seconds))


def _strictly(app: App, policy: Policy, ran: Ran) -> App:
    """The app as one cell is judged. If it exits, each of its boots must exit as soon as those that
    were observed to: a wide deadline would hide that one stays up.
    """
    if policy != "exit":
        return app
    limit_s = min(app.deadlines.fail_fast_s, exits_within_s(ran.behaviour.facts.exits))
    return replace(app, deadlines=replace(app.deadlines, fail_fast_s=limit_s))


def _by_service(found: Mapping[Cell, Policy]) -> AppPolicies:
    services: dict[str, dict[PolicyMoment, dict[OutageMode, Policy]]] = {}
    for cell, policy in found.items():
        moment, mode = cast("PolicyMoment", cell.moment), cast("OutageMode", cell.fault)
        services.setdefault(cell.target, {}).setdefault(moment, {})[mode] = policy
    return services


def _boot_s(rans: Iterable[Ran]) -> float:
    """How long the app's start-up took in the steady state; 0 if it ran before the lab did."""
    start = next((ran.behaviour.facts.start for ran in rans if ran.cell.steady), None)
    if start is not None and start.attached:
        return 0.0
    return (start.complete_s if start else None) or 1.0


def _needs(
    run: MatrixRun, topology: Topology, policies: Mapping[str, AppPolicies]
) -> Mapping[str, AppNeeds]:
    """What each app needs each service for, where its policy at boot is accepted. Whether it serves
    without the service is known only if the fault was also tried while it ran.
    """
    found: dict[str, dict[str, dict[CutMode, Need]]] = {}
    for each in dependencies(ran.behaviour for ran in run.ran.values()):
        accepted = policies.get(each.app, {}).get(each.service, {}).get("boot", {})
        before = topology.apps[each.app].needs.get(each.service, {})
        for fault, need in each.needs.items():
            mode = cast("CutMode", fault)
            if mode not in accepted or need == "not known":
                continue
            unseen = need in ("hard", "starts and exits") and fault not in each.lost
            if unseen and before.get(mode) == "hard only at boot":
                continue
            found.setdefault(each.app, {}).setdefault(each.service, {})[mode] = need
    return found


def _wrong(verdicts: Collection[Verdict], fails: str = "wrong") -> str:
    """What is wrong or not known by the verdicts. Empty if each is a PASS."""
    for outcome, what in ((Outcome.FAIL, fails), (Outcome.UNKNOWN, "not known")):
        verdict = next((verdict for verdict in verdicts if verdict.outcome is outcome), None)
        if verdict is not None:
            because = str(verdict.because[0]) if verdict.because else verdict.claim
            return f"{what}: {verdict.name}: {because}"
    return ""
