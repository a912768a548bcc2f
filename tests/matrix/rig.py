"""A run of the matrix by hand, from small histories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
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

from chaoslab.behaviour.described import Behaviour, described
from chaoslab.behaviour.steady import Problem
from chaoslab.history.events import AnyEvent
from chaoslab.history.journal import History
from chaoslab.matrix.accept import Judge
from chaoslab.matrix.judged import judged_as
from chaoslab.matrix.plans import plan_of
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthState
from chaoslab.model.plan import resolve
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Reason
from chaoslab.verdicts.judge import judge

STEADY, AT_BOOT, RUNNING = cell("none"), cell("refused", "boot"), cell("refused", "running")
FOLDER = Path("/results/run-1")


def histories() -> dict[Cell, list[AnyEvent]]:
    """The app exits without the service at boot; while it runs it is not honest."""
    gone = [*boot(0.5), *exits(2.0, 1, "ECONNREFUSED"), *boot(5.5, number=2, complete_s=7.0)]
    dishonest = [*health(3.0, 5.8), *live(3.0, 10.0), *both(3.0, 5.8, "failed", code=500)]
    after = [*health(5.8, 10.0), *both(6.4, 10.0), *end()]
    at_boot = [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S), *gone, *end()]
    running = [*up(), *all_well(1.6, 3.0), *fault(), *refused(), *dishonest, *after]
    return {
        STEADY: [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(4.0)],
        AT_BOOT: at_boot,
        RUNNING: running,
    }


def behaviours() -> dict[Cell, Behaviour]:
    return {of: behaviour(of, events) for of, events in histories().items()}


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


def down(start_s: float, end_s: float, number: int = 1) -> list[AnyEvent]:
    """Health and requests while nothing listens."""
    no = {"code": None, "error": "ConnectError"}
    asked = health(start_s, end_s, HealthState.UNREACHABLE, number=number, **no)  # type: ignore[arg-type]
    return [*asked, *both(start_s, end_s, "indeterminate", **no)]


def judged_run(
    shop: Topology, events: Mapping[Cell, Iterable[AnyEvent]]
) -> tuple[MatrixRun, Judge]:
    """A run of these cells with the verdicts of their histories, and what judges them again."""
    ran, judges = {}, {}
    for of, each in events.items():
        history = History(tuple(sorted(each, key=lambda e: e.at_s)))
        plan = resolve(plan_of(of, shop), shop)
        seen = described(of, shop, plan, history)
        verdicts = _without_connects(judge(shop, plan, history))
        ran[of] = Ran(cell=of, behaviour=seen, verdicts=verdicts, folder=FOLDER / of.name)
        judges[of] = partial(judged_as, cell=of, topology=shop, plan=plan, history=history)

    def again(ran: Ran, app: App, boot_s: float) -> Sequence[Verdict]:
        return _without_connects(judges[ran.cell](app, boot_s=boot_s))

    return MatrixRun(folder=FOLDER, ran=ran), again


def _without_connects(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts without the one on connects: these histories have no sockets of the app."""
    return tuple(verdict for verdict in verdicts if verdict.name != "backs_off")
