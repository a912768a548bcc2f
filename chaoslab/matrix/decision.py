"""What a run of the matrix decides: the cells that fail, those that are not known, the exit code.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from chaoslab.behaviour.dependency import dependencies, stronger
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


def decide(run: MatrixRun, topology: Topology, cells: int, *, gate: bool, today: date) -> Decision:
    """The decision on a run of `cells` cells. Known gaps of the topology hold until they expire.

    `gate`: the topology has accepted policies, so the run is a gate. What is not known of a cell
    that has a policy, or of the steady state, then fails it, and so does a need that is stronger
    than the topology has it; other cells that are not known are listed. Without policies the run
    describes, and only a FAIL ends it with 1: it is wrong under any policy.
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
    missing, tried = cells - len(run.ran), sum(ran.possible for ran in run.ran.values())
    needs = _needs_more(run, topology) if gate else ()
    if stopped := next((problem for problem in run.problems if problem.after), None):
        text = f"stopped after {stopped.after}: {stopped.app} is not as in its steady state again"
        text += f"; {missing} of {cells} cells were not run" if missing else ""
        bad = True
    elif run.problems:
        apps = ", ".join(problem.app for problem in run.problems)
        text, bad = f"not run: the steady state of {apps} is not healthy", True
    elif run.interrupted:
        text, bad = f"interrupted: {missing} of {cells} cells were not run", True
    else:
        wrong = "not as accepted" if gate else "wrong under any policy"
        text = f"{wrong}: {len(failed) or 'none'} of {tried} cells"
        text += f"; not possible here: {cells - tried}" if cells > tried else ""
        if needs:
            text += f"; needs more than accepted: {', '.join(_links(needs))}"
        bad = bool(failed or needs) or (gate and any(_has_policy(ran, topology) for ran in unknown))
    if unknown:
        text += f"; not known: {', '.join(_named(unknown))}"
        if any(map(is_busy, run.ran.values())):
            text += " (this machine was too busy: try --workers 1)"
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


def _has_policy(ran: Ran, topology: Topology) -> bool:
    """Whether the topology says what the app is to do in the cell; the steady state always has a
    policy: it is healthy.
    """
    return ran.cell.steady or policy_in(topology, ran.cell) is not None


def _is_unknown(ran: Ran, outcome: Outcome | None, *, gate: bool) -> bool:
    """Whether the cell is not known: it could not be described, or a claim that the app did not
    keep could not be judged; in a gate also if any other claim could not be judged. `outcome` is
    that of the cell's verdicts without the known gaps.
    """
    if not ran.possible or outcome is Outcome.FAIL:
        return False
    judged = not ran.would_fail and not (gate and outcome is Outcome.UNKNOWN)
    return not (ran.behaviour.known and judged)


def _needs_more(run: MatrixRun, topology: Topology) -> tuple[Reason, ...]:
    """The needs that are stronger than accepted. A cell with an UNKNOWN shows none: a slow machine
    may be why the app did not start in time.
    """
    judged = (r.behaviour for r in run.ran.values() if r.outcome is not Outcome.UNKNOWN)
    return tuple(stronger(dependencies(judged), topology))


def _links(needs: Iterable[Reason]) -> Iterable[str]:
    return dict.fromkeys(f"{each.data['app']}.{each.data['service']}" for each in needs)


def _named(rans: Iterable[Ran]) -> tuple[str, ...]:
    return tuple(ran.cell.name for ran in rans)
