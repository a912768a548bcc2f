"""What a run of the matrix decides: the cells that fail, those that are not known, the exit code.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.matrix.claims import policy_in
from chaoslab.matrix.run import MatrixRun, Ran, is_busy
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The cells with a FAIL, those that could not be described or judged, and the exit code."""

    failed: tuple[str, ...]
    unknown: tuple[str, ...]
    text: str
    exit_code: int


def decide(run: MatrixRun, topology: Topology, cells: int, *, gate: bool) -> Decision:
    """The decision on a run of `cells` cells.

    `gate`: the topology has accepted policies, so the run is a gate. What is not known of a cell
    that has a policy, or of the steady state, then fails it; other cells that are not known are
    listed. Without policies the run describes, and only a FAIL ends it with 1: it is wrong under
    any policy.
    """
    failed = _named(ran for ran in run.ran.values() if ran.outcome is Outcome.FAIL)
    unknown = [ran for ran in run.ran.values() if _is_unknown(ran, gate=gate)]
    missing = cells - len(run.ran)
    if run.problems:
        apps = ", ".join(problem.app for problem in run.problems)
        text, bad = f"not run: the steady state of {apps} is not healthy", True
    elif run.interrupted:
        text, bad = f"interrupted: {missing} of {cells} cells were not run", True
    else:
        wrong = "not as accepted" if gate else "wrong under any policy"
        text = f"{wrong}: {len(failed) or 'none'} of {cells} cells"
        bad = bool(failed) or (gate and any(_has_policy(ran, topology) for ran in unknown))
    if unknown:
        text += f"; not known: {', '.join(_named(unknown))}"
        if any(map(is_busy, run.ran.values())):
            text += " (this machine was too busy: try --workers 1)"
    return Decision(failed=failed, unknown=_named(unknown), text=text, exit_code=1 if bad else 0)


def _has_policy(ran: Ran, topology: Topology) -> bool:
    """Whether the topology says what the app is to do in the cell; the steady state always has a
    policy: it is healthy.
    """
    return ran.cell.steady or policy_in(topology, ran.cell) is not None


def _is_unknown(ran: Ran, *, gate: bool) -> bool:
    """Whether the cell is not known: it could not be described, or a claim that the app did not
    keep could not be judged; in a gate also if any other claim could not be judged.
    """
    if not ran.possible or ran.outcome is Outcome.FAIL:
        return False
    judged = not ran.would_fail and not (gate and ran.outcome is Outcome.UNKNOWN)
    return not (ran.behaviour.known and judged)


def _named(rans: Iterable[Ran]) -> tuple[str, ...]:
    return tuple(ran.cell.name for ran in rans)
