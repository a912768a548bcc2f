"""What a run of the matrix decides: the cells that fail, those that are not known, the exit code.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from chaoslab.behaviour.dependency import dependencies, stronger
from chaoslab.behaviour.words import LAB_FAILED
from chaoslab.matrix.attached import why_not_run
from chaoslab.matrix.claims import policy_in
from chaoslab.matrix.run import MatrixRun, Ran, is_busy
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome
from chaoslab.reason import Reason
from chaoslab.verdicts.known_gaps import weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The cells with a FAIL, those that could not be described or judged, and the exit code.

    `gaps` maps a cell to what became of its known gaps. `tolerated` are the cells whose FAIL is a
    known gap; they are not in `failed`. `needs` are the dependencies that are stronger than was
    accepted.
    """

    failed: tuple[str, ...]
    unknown: tuple[str, ...]
    tolerated: tuple[str, ...] = ()
    gaps: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    needs: tuple[Reason, ...] = ()
    text: str
    exit_code: int


def decide(
    run: MatrixRun,
    topology: Topology,
    cells: int,
    *,
    gate: bool,
    today: date,
    attached: bool = False,
) -> Decision:
    """The decision on a run of `cells` cells. Known gaps of the topology hold until they expire.

    `gate`: the topology has accepted policies, so the run is a gate. What is not known of a cell
    that has a policy, or of the steady state, then fails it. So does such a cell that is not
    possible here, unless the run is `attached` and never tries it, and a need that is stronger than
    the topology has it. Without policies the run describes: it fails if something is wrong under
    any policy.

    Other cells that are not known are listed. But any run fails if the lab itself failed in a cell,
    or if nothing is known of an app under a fault: else it would be green without a judgement.
    """
    weight = {
        cell.name: weighed(cell.name, ran.verdicts, topology.known_gaps, today)
        for cell, ran in run.ran.items()
        if ran.verdicts
    }
    failed = tuple(name for name, each in weight.items() if each.outcome is Outcome.FAIL)
    failing = _named(ran for ran in run.ran.values() if ran.outcome is Outcome.FAIL)
    tolerated = tuple(name for name in failing if name not in failed)
    left = {name: each.outcome for name, each in weight.items()}
    unknown = [r for r in run.ran.values() if _is_unknown(r, left.get(r.cell.name), gate=gate)]
    needs = _needs_more(run, topology, tolerated) if gate else ()
    if text := _not_over(run, cells):
        bad = True
    else:
        tried = sum(ran.possible for ran in run.ran.values())
        wrong = "not as accepted" if gate else "wrong under any policy"
        text = f"{wrong}: {len(failed) or 'none'} of {tried - len(unknown)} known cells"
        text += f"; not possible here: {cells - tried}" if cells > tried else ""
        unjudged = "".join(_unjudged(run, topology, unknown, gate=gate, attached=attached))
        text += unjudged
        if needs:
            text += f"; needs more than accepted: {', '.join(_links(needs))}"
        policy_unknown = gate and any(_has_policy(ran, topology) for ran in unknown)
        bad = bool(failed or needs or unjudged or policy_unknown)
    if others := [ran for ran in unknown if not _lab_failed(ran)]:
        text += f"; not known: {', '.join(_named(others))}"
        if any(map(is_busy, run.ran.values())):
            text += f" (this machine was too busy{': try --workers 1' * (run.workers > 1)})"
    if tolerated:
        text += f"; known gaps: {', '.join(tolerated)}"
    return Decision(
        failed=failed,
        unknown=_named(unknown),
        tolerated=tolerated,
        gaps={name: each.notes for name, each in weight.items() if each.notes},
        needs=needs,
        text=text,
        exit_code=1 if bad else 0,
    )


def _not_over(run: MatrixRun, cells: int) -> str:
    """Why the run ended before all of its cells were over. Empty if it did not."""
    missing = f"{cells - len(run.ran)} of {cells} cells were not run"
    if stopped := next((problem for problem in run.problems if problem.after), None):
        text = f"stopped after {stopped.after}: {stopped.app} is not as in its steady state again"
        return f"{text}; {missing}" if cells > len(run.ran) else text
    if run.problems:
        apps = ", ".join(problem.app for problem in run.problems)
        return f"not run: the steady state of {apps} is not healthy"
    if run.interrupted and cells == len(run.ran):
        return "interrupted while cells were run again"
    return f"interrupted: {missing}" if run.interrupted else ""


def _unjudged(
    run: MatrixRun, topology: Topology, unknown: Collection[Ran], *, gate: bool, attached: bool
) -> Iterator[str]:
    """Yields a text for each way in which the run did not judge what it had to judge, whatever the
    app does.
    """
    impossible = [ran for ran in run.ran.values() if not ran.possible]
    if attached:  # what is never tried there is no gap of this run
        impossible = [ran for ran in impossible if not why_not_run(ran.cell, topology)]
    if accepted := [ran for ran in impossible if gate and _has_policy(ran, topology)]:
        yield f"; accepted, but not possible here: {', '.join(_named(accepted))}"
    if broken := [ran for ran in unknown if _lab_failed(ran)]:
        yield f"; the lab failed: {', '.join(_named(broken))}"
    for app in dict.fromkeys(cell.app for cell in run.ran):
        tried = [ran for ran in run.ran.values() if ran.cell.app == app and not ran.cell.steady]
        if tried and not any(r.behaviour.facts.affected and r not in unknown for r in tried):
            yield f"; nothing is known of {app} under a fault"


def _lab_failed(ran: Ran) -> bool:
    return any(line.data.get("cause") == LAB_FAILED.name for line in ran.behaviour.lines)


def _has_policy(ran: Ran, topology: Topology) -> bool:
    """Whether the topology says what the app is to do in the cell; the steady state always has a
    policy: it is healthy.
    """
    return ran.cell.steady or policy_in(topology, ran.cell) is not None


def _is_unknown(ran: Ran, outcome: Outcome | None, *, gate: bool) -> bool:
    """Whether the cell is not known: it could not be described, a claim that the app did not keep
    could not be judged, or its fault was not observed to affect the app; in a gate also if any
    other claim could not be judged. `outcome` is that of the cell's verdicts without the known
    gaps.
    """
    if not ran.possible or outcome is Outcome.FAIL:
        return False
    strict = gate or not ran.behaviour.facts.affected
    judged = not ran.would_fail and not (strict and outcome is Outcome.UNKNOWN)
    return not (ran.behaviour.known and judged)


def _needs_more(
    run: MatrixRun, topology: Topology, tolerated: Collection[str]
) -> tuple[Reason, ...]:
    """The needs that are stronger than accepted. A cell with an UNKNOWN shows none: a slow machine
    may be why the app did not start in time. Nor does one of the cells `tolerated`: that the app
    does not start is the known gap.
    """
    judged = (
        ran.behaviour
        for ran in run.ran.values()
        if ran.outcome is not Outcome.UNKNOWN and ran.cell.name not in tolerated
    )
    return tuple(stronger(dependencies(judged), topology))


def _links(needs: Iterable[Reason]) -> Iterable[str]:
    return dict.fromkeys(f"{each.data['app']}.{each.data['service']}" for each in needs)


def _named(rans: Iterable[Ran]) -> tuple[str, ...]:
    return tuple(ran.cell.name for ran in rans)
