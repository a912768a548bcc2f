"""The nemesis injects the faults of a plan, each at its trigger, and heals all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

from chaoslab.errors import ChaoslabError, FaultUnsupported
from chaoslab.history.events import FaultInForce
from chaoslab.history.moments import find, in_words
from chaoslab.history.triggers import RUN_ENDED, Awaited, note_missed
from chaoslab.injection.base import Injection
from chaoslab.injection.context import Context
from chaoslab.injection.effect import is_awaited, watch_effect
from chaoslab.injection.in_force import injected, requested, uninterrupted
from chaoslab.injection.missed import NO_CONNECTION, reason_of, record_missed
from chaoslab.injection.prepare import prepare
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment, BeforeSpawn
from chaoslab.reason import Reason


class Nemesis:
    """Injects the faults of a plan and heals all of them. The lab sets `over` when the run ends.

    Call `run` in a task of its own, and wait for `armed` before the apps are spawned.
    """

    def __init__(self, plan: Plan, context: Context, over: asyncio.Event) -> None:
        self._plan, self._context = plan, context
        self._over = over
        self._faults = tuple(prepare(declared, context) for declared in plan.faults)
        loop = asyncio.get_running_loop()
        self._armed: list[asyncio.Future[None]] = [loop.create_future() for _ in self._faults]

    async def run(self) -> None:
        """Inject and heal every fault of the plan; return once all are over. A fault that fails is
        recorded, and the others continue.
        """
        async with asyncio.TaskGroup() as group:
            for fault, armed in zip(self._faults, self._armed, strict=True):
                group.create_task(self._one(fault, armed), name=f"fault {fault.declared.label}")

    async def armed(self) -> None:
        """Wait until the faults that start before the spawn are in force, and the faults that the
        proxy engine starts are armed. Raises FaultUnsupported if one of these faults cannot be
        injected.
        """
        await asyncio.gather(*self._armed)

    async def _one(self, fault: Injection, armed: asyncio.Future[None]) -> None:
        try:
            if await self._begun(fault, armed):
                was_armed = isinstance(fault, TriggeredInjection)
                async with injected(fault, self._context, armed=was_armed) as ending:
                    _done(armed)
                    ending.why = await self._watched_until(fault)
        except FaultUnsupported as error:
            if armed.done():
                self._missed(fault, reason_of(error), unsupported=True)
            else:
                armed.set_exception(error)
        except ChaoslabError as error:
            self._missed(fault, reason_of(error))
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
        awaited = Awaited(start, self._plan, self._context.journal)
        if await self._before_the_end(awaited.came()):
            return True
        why = awaited.why or RUN_ENDED()
        self._missed(fault, replace(why, text=f"its start ({in_words(start)}): {why}"))
        return False

    async def _fired(self, fault: TriggeredInjection, armed: asyncio.Future[None]) -> bool:
        """Arm the fault, and wait until the engine starts it. Returns whether the engine did so
        before the run's end; if not, the fault is disarmed.
        """
        fired = False
        try:
            await fault.arm()
            requested(fault, self._context, armed=True)
            _done(armed)
            fired = await self._before_the_end(fault.fired(), fault.declared)
            if not fired:
                self._missed(fault, NO_CONNECTION())
        except ChaoslabError as error:
            self._missed(fault, reason_of(error))  # recorded before the end, which may fail too
        finally:
            if not fired:
                await uninterrupted(fault.end())
        return fired

    async def _watched_until(self, fault: Injection) -> str:
        """As `_until`. Meanwhile the effect of the fault is watched, if the plan waits for it."""
        if not is_awaited(fault.declared.label, self._plan):
            return await self._until(fault.declared)
        watch = asyncio.create_task(watch_effect(fault, self._context))
        try:
            return await self._until(fault.declared)
        finally:
            watch.cancel()
            await asyncio.wait([watch])
            if not watch.cancelled():
                watch.result()

    async def _until(self, declared: Declared) -> str:
        """Wait for the fault's stop, or for the run's end. Returns why the fault ends."""
        if declared.stop is None:
            await self._over.wait()
            return "the run is over"
        journal = self._context.journal
        began = journal.history.last(FaultInForce, lambda e: e.fault == declared.label)
        since_s = began.since_s if began else None
        awaited = Awaited(declared.stop, self._plan, journal, since_s=since_s)
        if await self._before_the_end(awaited.came(), declared):
            return "its time is over"
        words = in_words(declared.stop)
        if self._context.disables(declared) and not self._over.is_set():
            return f"the fault is disabled: no need to wait for its stop ({words})"
        why = awaited.why or RUN_ENDED()
        if find(declared.stop, journal.history.events, since_s) is None:
            note_missed(f"faults[{self._number(declared)}].stop", declared.stop, why, journal)
        return f"its stop ({words}): {why}"

    def _number(self, declared: Declared) -> int:
        return [fault.label for fault in self._plan.faults].index(declared.label)

    async def _before_the_end(
        self, work: Coroutine[object, object, object], of: Declared | None = None
    ) -> bool:
        """Run `work`. Returns True if it ended with a true result before the run ended.

        `work` may wait for an app's reaction to the fault `of`. If that fault is disabled, no
        reaction comes: the wait then ends once the fault would have affected the apps.
        """
        task = asyncio.create_task(work)
        over = asyncio.create_task(self._over.wait())
        ends: set[asyncio.Task[bool] | asyncio.Task[None]] = {over}
        if of is not None and self._context.disables(of):
            ends.add(asyncio.create_task(self._affected_by_now(of)))
        try:
            await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            return task.done() and bool(task.result())
        finally:
            for each in (task, *ends):
                each.cancel()

    async def _affected_by_now(self, fault: Declared) -> None:
        """Wait until every app of the fault's links has had its time to start, and to degrade."""
        apps = self._context.topology.apps
        for name in {link.app for link in self._context.topology.links_of(fault.target)}:
            promised = apps[name].deadlines
            await asyncio.sleep(promised.degraded_s)
            up = AtMoment(
                moment="startup_complete",
                of=name,
                after_s=promised.degraded_s,
                within_s=promised.startup_s,
            )
            await self._context.journal.moment(up)

    def _missed(self, fault: Injection, why: Reason, *, unsupported: bool = False) -> None:
        label, journal = fault.declared.label, self._context.journal
        record_missed(label, why, journal, unsupported=unsupported)


def _done(armed: asyncio.Future[None]) -> None:
    if not armed.done():
        armed.set_result(None)
