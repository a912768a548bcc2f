"""Keeps the lab of one cell open at its fault: prints where a person can look inside, and waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.history.events import AnyEvent, FaultEffect
from chaoslab.lab.scenario_code import ScenarioCode
from chaoslab.matrix.held import held, usual_stop
from chaoslab.matrix.pace import FAULT
from chaoslab.matrix.paste import pasted
from chaoslab.model import when
from chaoslab.model.cell import Cell
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment

SPAWNED_WITHIN_S = 30.0
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Holds the fault of one cell, at most for `limit_s` seconds. `say` prints a line.

    `terminal`: the lines are read on a terminal; else secrets are masked in them.
    """

    cell: Cell
    limit_s: float
    say: Callable[[str], None]
    terminal: bool

    def plan_of(self, plan: Plan) -> Plan:
        """The plan of the cell with the look as a step."""
        usual = usual_stop(plan)
        seen_s = (usual.within_s or 0.0) + usual.after_s if usual else 0.0
        look = partial(self.look, usual=usual)
        return held(plan, self.cell, look, limit_s=self.limit_s + SPAWNED_WITHIN_S + seen_s)

    async def look(self, scene: ScenarioCode, *, usual: AtMoment | None) -> None:
        """Print where to look, and return as soon as the person has seen enough: not before the
        fault was in force for as long as in a cell that is not held. `usual` is that moment.
        """
        app = self.cell.app
        await scene.moment(when.spawned(app=app, within_s=SPAWNED_WITHIN_S))
        effect, seen_s = None, (usual.within_s or 0.0) if usual else 0.0
        if seen_s:
            effect = await scene.moment(when.affected(FAULT, within_s=seen_s))
        begun_s = now_s()
        with _releases() as released:
            self.say(self._head(effect, seen_s))
            for line in pasted(scene.inside(app), Path.cwd(), secrets=self.terminal):
                self.say(line)
            self.say(self._how())
            follow = asyncio.create_task(self._follow(scene))
            try:
                why = await asyncio.wait_for(asyncio.shield(released), self.limit_s)
            except TimeoutError:
                why = f"{self.limit_s:g} s are over"
            finally:
                follow.cancel()
        left_s = begun_s + usual.after_s - now_s() if usual and effect else 0.0
        if left_s > 0:
            self.say(f"{why}; the fault stays for {left_s:.1f} s more, as in any cell")
            await asyncio.sleep(left_s)
        self.say(f"{why}; next: {self._after()}")

    def _head(self, effect: AnyEvent | None, seen_s: float) -> str:
        label = self.cell.label
        if self.cell.steady:
            return f"{label}: the start-up is complete, no fault is in force"
        if isinstance(effect, FaultEffect):
            return f"{label}: the fault is in force and affects the app: {effect.what}"
        unseen = f", not observed to affect the app in {seen_s:g} s" if seen_s else ""
        return f"{label}: the fault is in force{unseen}"

    def _how(self) -> str:
        key = "Enter, " if _on_terminal() else ""
        return (
            f"open until {key}Ctrl-C, `kill -INT {os.getpid()}`, or for {self.limit_s:g} s;"
            f" then: {self._after()}"
        )

    def _after(self) -> str:
        if self.cell.steady:
            return "the app is stopped"
        if self.cell.moment == "sigterm":
            return "the app gets SIGTERM, and the fault is healed"
        return "the fault is healed, and the lab waits until the app is back"

    async def _follow(self, scene: ScenarioCode) -> None:
        """Print the address of the app again whenever a later boot has another one."""
        before = scene.url(self.cell.app)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if (now := scene.url(self.cell.app)) != before:
                self.say(f"{self.cell.app} was started again: {now}")
                before = now


@contextmanager
def _releases() -> Iterator[asyncio.Future[str]]:
    """While the block runs, Ctrl-C and Enter end the hold and nothing else: the future gets what
    ended it. What ends a run by SIGTERM raises SIGINT, so it does the same.
    """
    loop = asyncio.get_running_loop()
    released: asyncio.Future[str] = loop.create_future()

    def release(why: str) -> None:
        if not released.done():
            released.set_result(why)

    def enter() -> None:
        sys.stdin.readline()
        release("Enter")

    before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(release, "a signal"))
    listens = _on_terminal()
    if listens:
        loop.add_reader(sys.stdin, enter)
    try:
        yield released
    finally:
        signal.signal(signal.SIGINT, before)
        if listens:
            loop.remove_reader(sys.stdin)


def _on_terminal() -> bool:
    """Whether a person can type here. A process in the background of a shell would be stopped as
    soon as it reads.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # not the terminal of this session
        return True
