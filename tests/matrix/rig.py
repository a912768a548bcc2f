"""A run of the matrix by hand, from small histories."""

from __future__ import annotations

from pathlib import Path

from rigs.cell_histories import (
    AT_BOOT_S,
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    health,
    live,
    refused,
    stop,
    up,
)

from chaoslab.behaviour.described import Behaviour
from chaoslab.behaviour.steady import Problem
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import Cell
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Reason

STEADY, AT_BOOT, RUNNING = cell("none"), cell("refused", "boot"), cell("refused", "running")
FOLDER = Path("/results/run-1")


def behaviours() -> dict[Cell, Behaviour]:
    """The app exits without the service at boot; while it runs it is not honest."""
    gone = [*boot(0.5), *exits(2.0, 1, "ECONNREFUSED"), *boot(5.5, number=2, complete_s=7.0)]
    dishonest = [*health(3.0, 5.8), *live(3.0, 10.0), *both(3.0, 5.8, "failed", code=500)]
    after = [*health(5.8, 10.0), *both(6.4, 10.0), *end()]
    at_boot = [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S), *gone, *end()]
    running = [*up(), *all_well(1.6, 3.0), *fault(), *refused(), *dishonest, *after]
    return {
        STEADY: behaviour(STEADY, [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(4.0)]),
        AT_BOOT: behaviour(AT_BOOT, at_boot),
        RUNNING: behaviour(RUNNING, running),
    }


def verdict(outcome: Outcome, *because: Reason) -> Verdict:
    because = (*because, Reason(code="text", text="28 of 28 requests failed"))
    return Verdict(name="honest_health", outcome=outcome, claim="no false health", because=because)


def matrix(*problems: Problem, **outcomes: Outcome) -> MatrixRun:
    """A run of three cells; `outcomes` has the outcome of one verdict by the moment of its cell."""
    ran = {
        of: Ran(
            cell=of,
            behaviour=found,
            verdicts=tuple(verdict(o) for moment, o in outcomes.items() if moment == of.moment)
            if not of.steady
            else (),
            folder=FOLDER / of.name,
            took_s=9.0,
        )
        for of, found in behaviours().items()
    }
    return MatrixRun(folder=FOLDER, ran=ran, problems=list(problems), seconds=27.0)
