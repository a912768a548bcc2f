"""The nemesis: runs a plan's faults, each at its own time, and heals every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from chaoslab.errors import ChaoslabError, FaultUnsupported
from chaoslab.history.events import FaultInForce, FaultMissed
from chaoslab.history.moments import find, in_words
from chaoslab.history.triggers import TOO_EARLY, Awaited, note_missed
from chaoslab.injection.base import Injection
from chaoslab.injection.ground import Ground
from chaoslab.injection.in_force import injected, requested, uninterrupted
from chaoslab.injection.prepare import prepare
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment, BeforeSpawn


class Nemesis:
    """Runs the faults of a plan on a ground. `over` is set by the lab when the run ends.

    Faults that start before the spawn are in force, and engine triggers armed, once `armed()` has
    returned. Raises FaultUnsupported from there where the proxy or platform cannot make one.
    """

    def __init__(self, plan: Plan, ground: Ground, over: asyncio.Event) -> None:
        self._plan, self._ground = plan, ground
        self._over = over
        self._faults = tuple(prepare(declared, ground) for declared in plan.faults)
        loop = asyncio.get_running_loop()
        self._armed: list[asyncio.Future[None]] = [loop.create_future() for _ in self._faults]

    async def run(self) -> None:
        """Run every fault to its end; a fault that fails is written down, the others go on."""
        async with asyncio.TaskGroup() as group:
            for fault, armed in zip(self._faults, self._armed, strict=True):
                group.create_task(self._one(fault, armed), name=f"fault {fault.declared.label}")

    async def armed(self) -> None:
        """Wait until everything that must precede the spawn is in place."""
        await asyncio.gather(*self._armed)

    async def _one(self, fault: Injection, armed: asyncio.Future[None]) -> None:
        try:
            if await self._begun(fault, armed):
                was_armed = isinstance(fault, TriggeredInjection)
                async with injected(fault, self._ground, armed=was_armed) as ending:
                    _done(armed)
                    ending.why = await self._until(fault.declared)
        except FaultUnsupported as error:
            if armed.done():
                self._missed(fault, str(error))
            else:
                armed.set_exception(error)
        except ChaoslabError as error:
            self._missed(fault, str(error))
        finally:
            _done(armed)

    async def _begun(self, fault: Injection, armed: asyncio.Future[None]) -> bool:
        start = fault.declared.start
        if isinstance(start, BeforeSpawn):
            return True
        if isinstance(fault, TriggeredInjection):
            return await self._fired(fault, armed)
        _done(armed)
        assert isinstance(start, AtMoment)
        awaited = Awaited(start, self._plan, self._ground.journal)
        if await self._before_the_end(awaited.came()):
            return True
        self._missed(fault, f"its start ({in_words(start)}): {awaited.why or TOO_EARLY}")
        return False

    async def _fired(self, fault: TriggeredInjection, armed: asyncio.Future[None]) -> bool:
        """Arm it and wait for the engine; whatever ends that wait, nothing stays armed or half."""
        fired = False
        try:
            await fault.arm()
            requested(fault, self._ground, armed=True)
            _done(armed)
            fired = await self._before_the_end(fault.fired(), fault.declared)
            if not fired:
                self._missed(fault, "the engine saw no such connection within the time limit")
        except ChaoslabError as error:
            self._missed(fault, str(error))  # before the end, which may fail in its own way
        finally:
            if not fired:
                await uninterrupted(fault.end())
        return fired

    async def _until(self, declared: Declared) -> str:
        """Return, with the reason, when the fault's time is over: its stop, or the run's end."""
        if declared.stop is None:
            await self._over.wait()
            return "the run is over"
        journal = self._ground.journal
        began = journal.history.last(FaultInForce, lambda e: e.fault == declared.label)
        since_s = began.since_s if began else None
        awaited = Awaited(declared.stop, self._plan, journal, since_s=since_s)
        if await self._before_the_end(awaited.came(), declared):
            return "its time is over"
        words = in_words(declared.stop)
        if self._ground.disables(declared) and not self._over.is_set():
            return f"the fault is disabled: no need to wait for its stop ({words})"
        why = awaited.why or TOO_EARLY
        if find(declared.stop, journal.history.events, since_s) is None:
            note_missed(f"faults[{self._number(declared)}].stop", declared.stop, why, journal)
        return f"its stop ({words}): {why}"

    def _number(self, declared: Declared) -> int:
        return [fault.label for fault in self._plan.faults].index(declared.label)

    async def _before_the_end(
        self, work: Coroutine[object, object, object], of: Declared | None = None
    ) -> bool:
        """Whether `work` was done before the run was over, and came to something.

        The work `of` a fault that is disabled is given up once the fault would have affected an
        app: it may wait for what the app does only then.
        """
        task = asyncio.create_task(work)
        over = asyncio.create_task(self._over.wait())
        ends: set[asyncio.Task[bool] | asyncio.Task[None]] = {over}
        if of is not None and self._ground.disables(of):
            ends.add(asyncio.create_task(self._affected_by_now(of)))
        try:
            await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            return task.done() and bool(task.result())
        finally:
            for each in (task, *ends):
                each.cancel()

    async def _affected_by_now(self, fault: Declared) -> None:
        """Return when every app of the fault's links has been up for as long as it may take to say
        that it is degraded, or should have been.
        """
        apps = self._ground.topology.apps
        for name in {link.app for link in self._ground.topology.links_of(fault.target)}:
            promised = apps[name].deadlines
            await asyncio.sleep(promised.degraded_s)
            up = AtMoment(
                moment="startup_complete",
                of=name,
                after_s=promised.degraded_s,
                within_s=promised.startup_s,
            )
            await self._ground.journal.moment(up)

    def _missed(self, fault: Injection, why: str) -> None:
        journal = self._ground.journal
        journal.append(FaultMissed(at_s=journal.now(), fault=fault.declared.label, why=why))


def _done(armed: asyncio.Future[None]) -> None:
    if not armed.done():
        armed.set_result(None)
