"""Starts, restarts and stops the further processes of one planned boot of an app, such as a worker.

They live on when the app's main process ends and is started again, as on a platform, where each
process has a supervisor of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.supervision import Life, wait_after
from chaoslab.history.events import ProcessExited, ProcessSpawned
from chaoslab.history.journal import Journal
from chaoslab.model.supervisor import Supervisor
from chaoslab.probes.base import either, last_lines_of, pause
from chaoslab.runtimes.base import RunningApp

GRACE_S = 2.0  # as an app has it at the end of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process that was just started, with its final command."""

    running: RunningApp
    argv: tuple[str, ...]


class Processes:
    """The further processes `names` of `app`. `running` has those that run now, by their names.

    `start` starts one by its name. `supervisor` restarts each on its own until `over` is set.
    """

    def __init__(
        self,
        *,
        app: str,
        names: tuple[str, ...],
        supervisor: Supervisor | None,
        journal: Journal,
        start: Callable[[str], Awaitable[Started]],
        over: asyncio.Event,
    ) -> None:
        self.running: dict[str, RunningApp] = {}
        self._app, self._names = app, names
        self._supervisor, self._journal = supervisor, journal
        self._start, self._over = start, over
        self._asked, self._grace_s = asyncio.Event(), 0.0
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start every process."""
        self._tasks = [asyncio.create_task(self._keep(name)) for name in self._names]

    async def ended(self) -> None:
        """Wait until every process has ended and none will be restarted. Raises the error if one
        could not be started.
        """
        await asyncio.gather(*(asyncio.shield(task) for task in self._tasks))

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Send each process SIGTERM, and SIGKILL if it still runs `grace_s` seconds later. None is
        restarted. Does nothing the second time.
        """
        if not self._asked.is_set():
            self._grace_s = grace_s
            self._asked.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, name: str) -> None:
        """Run one process, again and again as its supervisor restarts it."""
        lives: list[Life] = []
        wait_s: float | None = 0.0
        while wait_s is not None:
            if lives:
                await either(pause(wait_s, self._over), self._asked.wait())
            if self._asked.is_set() or self._over.is_set():
                return
            wait_s = await self._one_life(name, lives)

    async def _one_life(self, name: str, lives: list[Life]) -> float | None:
        """Run one process until its end, and add its life to `lives`. Returns after how many
        seconds its supervisor restarts it; None if it does not.
        """
        journal = self._journal
        start, restart = self._starts(name) + 1, bool(lives)
        begun = await self._start(name)
        running = self.running[name] = begun.running
        begun_s = running.spawned_s - journal.origin_s
        who: dict[str, Any] = {"app": self._app, "process": name, "start": start}
        journal.append(
            ProcessSpawned(at_s=begun_s, **who, pid=running.pid, argv=begun.argv, restart=restart)
        )
        code, at_s, asked = await self._end_of(running)
        del self.running[name]
        lives.append(Life(restart=restart, ran_s=at_s - begun_s))
        wait_s = None
        if self._supervisor is not None and not asked:
            wait_s = wait_after(lives, code, self._supervisor)
        journal.append(
            ProcessExited(
                at_s=at_s,
                **who,
                exit_code=code,
                asked=asked,
                log_tail=last_lines_of(running),
                killed_after_s=running.killed_after_s,
                wait_s=wait_s,
            )
        )
        return wait_s

    def _starts(self, name: str) -> int:
        """How often the process was started in this run."""
        mine = (self._app, name)
        return sum((s.app, s.process) == mine for s in self._journal.history.of(ProcessSpawned))

    async def _end_of(self, running: RunningApp) -> tuple[int, float, bool]:
        """Wait for the end of a process, or end it once that is asked for, with all that it leaves
        running. Returns its exit code, when it ended, and whether the lab stopped it.
        """
        end = asyncio.create_task(self._seen_end(running))
        asking = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait([end, asking], return_when=asyncio.FIRST_COMPLETED)
            asked = running.exit_code is None
            await running.terminate(self._grace_s)
            code, at_s = await end
        finally:
            end.cancel()
            asking.cancel()
        return code, at_s, asked

    async def _seen_end(self, running: RunningApp) -> tuple[int, float]:
        code, at_s = await running.exited(), self._journal.now()
        await running.wait()  # its last log lines
        return code, at_s
