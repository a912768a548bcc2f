"""Runs the cells of a topology: the steady state of each app first, then the others in parallel, or
on a system that runs already one after the other.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaoslab.behaviour.described import Behaviour, not_known
from chaoslab.behaviour.facts import Facts
from chaoslab.behaviour.steady import Problem, problem_of
from chaoslab.behaviour.words import LAB_FAILED, UNSUPPORTED
from chaoslab.clock import now_s
from chaoslab.errors import ChaoslabError, FaultUnsupported, SpecError
from chaoslab.history.events import FaultMissed
from chaoslab.history.new_folder import new_folder
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.lab.interrupts import Interrupts
from chaoslab.machine.ending import ending_like_ctrl_c
from chaoslab.matrix.attached import why_not_run
from chaoslab.matrix.hold import Hold
from chaoslab.matrix.plans import plan_of
from chaoslab.matrix.progress import Progress
from chaoslab.matrix.saved import described_again, save_cell
from chaoslab.model.cell import Cell
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.reason import Reason
from chaoslab.report.runs import save_verdicts
from chaoslab.verdicts.judge import ALONE

Say = Callable[[str], None]
# The codes of a machine that was too busy: a cell with one of them is run again, alone.
BUSY = ("lab.late", "lab.trouble")
MACHINE = ("machine.", "lab.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One cell that was run: what the app did, the verdicts, and the folder of the run. `possible`:
    the fault is supported here.
    """

    cell: Cell
    behaviour: Behaviour
    verdicts: tuple[Verdict, ...] = ()
    folder: Path | None = None
    took_s: float = 0.0
    possible: bool = True

    @property
    def outcome(self) -> Outcome | None:
        """The worst of the verdicts. None if there is none."""
        return worst(verdict.outcome for verdict in self.verdicts) if self.verdicts else None

    @property
    def would_fail(self) -> tuple[Verdict, ...]:
        """The verdicts that are UNKNOWN although what the app did is a FAIL."""
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.outcome is Outcome.UNKNOWN
            and any(r.code == ALONE.name and r.data["outcome"] == "FAIL" for r in verdict.because)
        )


def is_busy(ran: Ran) -> bool:
    """Whether the machine was too busy for the lab: nothing is known of the cell, or a claim that
    the app did not keep is UNKNOWN because of that.
    """
    described = not any(line.data.get("cause") in BUSY for line in ran.behaviour.lines)
    return not described or any(v.because[0].code.startswith(MACHINE) for v in ran.would_fail)


@dataclass(slots=True, kw_only=True)
class MatrixRun:
    """The run of a matrix, as far as it came: it is filled while cells end, and has them in the
    order of the topology at the end. At most `workers` cells were run at a time.
    """

    folder: Path
    workers: int = 1
    ran: dict[Cell, Ran] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0


class Matrix:
    """Runs cells of one topology in one folder, at most `workers` at a time.

    All labs share one event loop: a lab waits most of the time, and its services, its proxy and its
    app are processes of their own. A cell for which the machine was too busy is run again, alone.
    `max_lag_s` is that of each cell's plan; None leaves it as it is. `hold` keeps the lab of its
    cell open; that cell is run once.

    `attached`: all cells use the one system that runs already. They are run one at a time, each
    once the app is again as in its steady state; those that need a start or a stop are not run.
    """

    def __init__(
        self,
        topology: Topology,
        setting: Setting,
        folder: Path,
        *,
        workers: int,
        say: Say,
        max_lag_s: float | None = None,
        attached: bool = False,
        hold: Hold | None = None,
    ) -> None:
        self._topology, self._setting, self._say = topology, setting, say
        self._max_lag_s, self._attached, self._hold = max_lag_s, attached, hold
        self._free = asyncio.Semaphore(workers)
        self._workers = workers
        self.result = MatrixRun(folder=folder, workers=workers)

    async def run(self, cells: Sequence[Cell]) -> MatrixRun:
        """Run the cells. After Ctrl-C or SIGTERM everything is healed and stopped, and the result
        has the cells that were over.
        """
        interrupts, begun_s = Interrupts(), now_s()
        tried = sum(not self._why_not_run(cell) for cell in cells)
        progress = Progress(tried, self._workers, self._say)
        try:
            with ending_like_ctrl_c(), interrupts.cancelling(self._say):
                for steady in (cell for cell in cells if cell.steady):
                    mine = [c for c in cells if c.app == steady.app and not c.steady]
                    await self._app(steady, mine, progress)
        except KeyboardInterrupt:
            self.result.interrupted = True
        finally:
            interrupts.restore()
        order = (cell for cell in cells if cell in self.result.ran)
        self.result.ran = {cell: self.result.ran[cell] for cell in order}
        self.result.seconds = now_s() - begun_s
        return self.result

    async def _app(self, steady: Cell, others: Sequence[Cell], progress: Progress) -> None:
        """Run the cells of one app. If its steady state is not healthy, only that one is run."""
        ran = await self._one(steady, 1.0, progress)
        if (problem := self._problem_of(ran)) is not None:
            self.result.problems.append(problem)
            return
        if self._attached:
            await self._one_by_one(steady, others, progress)
            return
        start = ran.behaviour.facts.start
        boot_s = (start.complete_s if start else None) or 1.0
        async with asyncio.TaskGroup() as group:
            for cell in others:
                group.create_task(self._one(cell, boot_s, progress))
        for cell in others:
            if self._hold is None and is_busy(self.result.ran[cell]):
                self._say(f"{cell.name}: this machine was too busy; run again, alone")
                await self._one(cell, boot_s, progress, again=True)

    async def _one_by_one(self, steady: Cell, others: Sequence[Cell], progress: Progress) -> None:
        """Run the cells of an app that runs already. If it is not as in its steady state again in
        time after one of them, no more is run.
        """
        left_out = {cell: why for cell in others if (why := self._why_not_run(cell))}
        self.result.ran |= {cell: _not_possible(cell, why) for cell, why in left_out.items()}
        for cell in (cell for cell in others if cell not in left_out):
            if not (await self._one(cell, 0.0, progress)).possible:
                continue  # nothing was injected
            if (problem := await self._not_as_before(steady, cell)) is not None:
                self.result.problems.append(problem)
                return

    async def _not_as_before(self, steady: Cell, after: Cell) -> Problem | None:
        """Run the steady state until the app is as in it again, or its deadline to recover is over.
        Returns what is not as in it; the folder of the last look is kept then.
        """
        until_s = now_s() + self._topology.apps[after.app].deadlines.recovery_s
        plan = self._plan_of(steady, 0.0)
        while True:
            folder = new_folder(self.result.folder / f"{steady.name}-after-{after.name}")
            because: tuple[Reason, ...]
            try:
                ran = await self._carried_out(steady, plan, folder)
            except ChaoslabError as error:
                because = (LAB_FAILED(why=_first_line(error)),)
            else:
                found = self._problem_of(ran)
                because = found.because if found else ()
            late = now_s() > until_s
            if not because or not late:
                shutil.rmtree(folder, ignore_errors=True)
            if not because:
                return None
            if late:
                fix = "find out why, and run the other cells with --only once it is"
                return Problem(app=after.app, because=because, log=(), fix=fix, after=after.name)

    def _problem_of(self, ran: Ran) -> Problem | None:
        assert ran.folder is not None
        history = RunFolder(ran.folder).history()
        return problem_of(ran.behaviour, self._topology.apps[ran.cell.app], history)

    def _why_not_run(self, cell: Cell) -> str:
        return why_not_run(cell, self._topology) if self._attached else ""

    def _plan_of(self, cell: Cell, boot_s: float) -> Plan:
        plan = plan_of(cell, self._topology, boot_s=boot_s, attached=self._attached)
        if self._max_lag_s is not None:
            plan = replace(plan, max_lag_s=self._max_lag_s)
        return self._hold.plan_of(plan) if self._hold and self._is_held(cell) else plan

    def _is_held(self, cell: Cell) -> bool:
        return self._hold is not None and self._hold.cell == cell

    async def _one(
        self, cell: Cell, boot_s: float, progress: Progress, *, again: bool = False
    ) -> Ran:
        async with self._free:
            if again and (before := self.result.ran[cell].folder) is not None:
                shutil.rmtree(before, ignore_errors=True)
            begun_s = now_s()
            folder = new_folder(self.result.folder / cell.name)
            carried_out = await self._carried_out(cell, self._plan_of(cell, boot_s), folder)
            ran = replace(carried_out, took_s=now_s() - begun_s)
            self.result.ran[cell] = ran
            progress.over(cell, ran.behaviour.sentence, ran.took_s, again=again)
            return ran

    async def _carried_out(self, cell: Cell, plan: Plan, path: Path) -> Ran:
        """Run one cell in a folder. What the lab cannot do is the behaviour of the cell, with its
        reason; without its steady state nothing of an app can be described.
        """
        folder = RunFolder(path)
        setting = replace(self._setting, look_inside=self._is_held(cell) and not cell.steady)
        try:
            verdicts = await carry_out(self._topology, plan, setting, folder)
        except FaultUnsupported as error:
            shutil.rmtree(folder.path, ignore_errors=True)
            if cell.steady:
                raise
            return _not_possible(cell, _first_line(error))
        except ChaoslabError as error:
            if cell.steady or isinstance(error, SpecError):
                raise
            return Ran(cell=cell, behaviour=not_known(cell, LAB_FAILED(why=_first_line(error))))
        if (why := _unsupported(folder)) is not None:  # seen only once the app ran
            shutil.rmtree(folder.path, ignore_errors=True)
            return _not_possible(cell, why)
        save_cell(folder, cell)
        save_verdicts(folder, verdicts)
        behaviour = described_again(folder)
        return Ran(cell=cell, behaviour=behaviour, verdicts=verdicts, folder=folder.path)


def _unsupported(folder: RunFolder) -> str | None:
    """Why the fault of a cell cannot be injected here. None if it can."""
    missed = folder.history().first(FaultMissed, lambda missed: missed.unsupported)
    return None if missed is None else missed.why.text


def _not_possible(cell: Cell, why: str) -> Ran:
    behaviour = Behaviour(cell=cell, known=False, facts=Facts(), phases=((UNSUPPORTED(why=why),),))
    return Ran(cell=cell, behaviour=behaviour, possible=False)


def _first_line(error: ChaoslabError) -> str:
    return str(error).partition("\n")[0]
