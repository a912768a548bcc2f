"""All the probes of one boot, from its spawn to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from chaoslab.history.events import LeftRunning, QuestionsAsked, StopRequested, SupervisorStops
from chaoslab.model.plan import Plan
from chaoslab.probes.base import Watched, guarded
from chaoslab.probes.boot import BootProbe, watch_exit
from chaoslab.probes.cost import UsageProbe
from chaoslab.probes.health import HealthProbe
from chaoslab.probes.pace import Pace
from chaoslab.probes.past_proxy import PastProxyProbe
from chaoslab.probes.prober import ProberProbe, probed
from chaoslab.probes.sockets import SocketProbe
from chaoslab.probes.starvation import StarvationProbe
from chaoslab.probes.workload import Sender


class Watch:
    """Runs every probe that the plan needs for one boot. `end` stops the probes and the app.

    `stop` stops the app as a platform does: it is asked about its health no more, but the load goes
    on. An attached app is not stopped, and its sockets and its exit cannot be observed.
    """

    def __init__(
        self,
        watched: Watched,
        plan: Plan,
        ports: Mapping[str, int],
        sender: Sender,
        past: PastProxyProbe | None = None,
    ) -> None:
        self.watched = watched
        self.sender = sender
        self._asked = asyncio.Event()
        self._not_asked = asyncio.Event()  # health, liveness and readiness
        self._over = asyncio.Event()
        self._ending, self._ended = asyncio.Lock(), False
        own, sampling = not watched.attached, plan.sampling.of(watched.app)
        awaits = Pace(plan, watched.app, watched.boot, watched.journal).awaits
        self._exit = asyncio.create_task(watch_exit(watched, self._asked)) if own else None
        work = {
            "boot": BootProbe(watched).run(self._not_asked),
            "health": HealthProbe(watched, sampling, awaits).run(self._not_asked),
        }
        if own:
            work["sockets"] = SocketProbe(watched, ports, past).run(self._over)
            work["starvation"] = StarvationProbe(watched).run(self._over)
            if any("cost" in e.watches and e.app == watched.app.name for e in plan.expect):
                work["usage"] = UsageProbe(watched).run(self._over)
        for which in probed(plan, watched.app):
            work[which] = ProberProbe(watched, which, sampling, awaits).run(self._not_asked)
        for number, load in enumerate(plan.load):
            if load.app == watched.app.name:
                work[f"load[{number}]"] = sender.load(plan, number, self._over)
        self._probes = [
            asyncio.create_task(guarded(name, probe, watched.journal), name=name)
            for name, probe in work.items()
        ]

    async def ended_by_itself(self) -> bool:
        """Wait until the process ends. Returns whether it ended without a request of the lab.
        Returns False at once for an attached app.
        """
        return self._exit is not None and await asyncio.shield(self._exit)

    async def stop(self, place: str, grace_s: float) -> bool:
        """Send the app SIGTERM, and SIGKILL if it still runs `grace_s` seconds later. Then stop the
        probes. Does nothing, and returns False, if the process has ended.

        Records the request, which is at `place` in the plan, the app's exit, and the processes that
        it left running.
        """
        watched = self.watched
        if self._exit is None or watched.running.exit_code is not None:
            return False
        watched.journal.append(
            StopRequested(at_s=watched.journal.now(), **watched.who, place=place, grace_s=grace_s)
        )
        self._not_asked.set()
        self._asked.set()
        async with self._ending:  # the next boot waits until this one is gone
            await asyncio.gather(watched.running.terminate(grace_s), self._exit)
        await self.end()
        return True

    async def stop_as_supervisor(self, why: Literal["not_live", "startup"], grace_s: float) -> None:
        """Send the app SIGTERM, and SIGKILL if it still runs `grace_s` seconds later, as its
        supervisor does. The probes go on. Does nothing if the process has ended.

        Records the decision and the app's exit.
        """
        watched = self.watched
        if self._exit is None or watched.running.exit_code is not None:
            return
        watched.journal.append(
            SupervisorStops(at_s=watched.journal.now(), **watched.who, why=why, grace_s=grace_s)
        )
        async with self._ending:
            await asyncio.gather(watched.running.terminate(grace_s), self._exit)

    async def end(self) -> None:
        """Stop the probes, then the app (SIGTERM, then SIGKILL). Records the app's exit and the
        processes that it left running. Does nothing the second time.
        """
        await self.stop_probes()
        async with self._ending:
            if self._exit is None or self._ended:
                return
            self._asked.set()
            await asyncio.gather(self.watched.running.terminate(), self._exit)
            self._ended = True
            self._note_left_running()

    def _note_left_running(self) -> None:
        watched = self.watched
        for left in watched.running.left_running:
            watched.journal.append(
                LeftRunning(
                    at_s=watched.journal.now(),
                    **watched.who,
                    pid=left.pid,
                    process=left.name,
                    ended=left.ended,
                )
            )

    async def stop_probes(self) -> None:
        """Stop every probe except the one for the exit, and wait for the open requests of these
        probes.

        Records once how many requests the lab sent.
        """
        first = not self._over.is_set()
        self._not_asked.set()
        self._over.set()
        self.watched.questions.end()
        await asyncio.gather(*self._probes)
        if first:
            self._note_questions()

    def _note_questions(self) -> None:
        watched, questions = self.watched, self.watched.questions
        watched.journal.append(
            QuestionsAsked(
                at_s=watched.journal.now(),
                **watched.who,
                asked=dict(questions.asked),
                most_under_way=questions.most_under_way,
            )
        )
