"""Arms a fault in the proxy engine, which starts it at a given connection of a link."""

from __future__ import annotations

import asyncio

from chaoslab.errors import ErrorCode, InjectionFailed, Problem
from chaoslab.faults.base import LinkFault
from chaoslab.injection.context import Context
from chaoslab.injection.links import LinkInjection
from chaoslab.model.actions import path_safe
from chaoslab.model.when import AtConnection

TRIGGER_POLL_S = 0.02

NOT_STARTED = ErrorCode(
    "injection.not_started",
    "{fault}: the engine has not started the fault",
    "The proxy engine no longer reports that it started an armed fault.",
)
ENGINE_FAILED = ErrorCode(
    "injection.engine_failed",
    "{fault}: the engine could not start the fault: {cause}",
    "The proxy engine reported an error when it started an armed fault.",
)


class TriggeredInjection(LinkInjection):
    """A fault that the proxy engine itself starts at the n-th connection of a link."""

    def __init__(self, fault: LinkFault, start: AtConnection, context: Context) -> None:
        super().__init__(fault, context)
        context.control.check_triggers()
        self._start = start
        self._name = path_safe(fault.label)

    async def arm(self) -> None:
        """Give the actions to the engine, which applies them by itself at the n-th connection."""
        control, start = self.context.control, self._start
        await control.arm(self._name, start.link, start.n, self.actions)

    async def fired(self) -> bool:
        """Wait until the engine has started the fault. There is no time limit."""
        while True:
            if await self._fired_s() is not None:
                return True
            await asyncio.sleep(TRIGGER_POLL_S)

    async def begin(self) -> float:
        """The journal time at which the engine started the fault. Raises InjectionFailed if the
        engine has not started it.
        """
        fired_s = await self._fired_s()
        if fired_s is None:
            raise InjectionFailed(Problem(reason=NOT_STARTED(fault=self.declared.label)))
        self.hold_connects()
        return fired_s - self.context.journal.origin_s

    async def end(self) -> None:
        await self.context.control.disarm(self._name, self._start.link)
        await self.undo()

    async def _fired_s(self) -> float | None:
        state = await self.context.control.trigger(self._name, self._start.link)
        if state.error:
            reason = ENGINE_FAILED(fault=self.declared.label, cause=state.error)
            raise InjectionFailed(Problem(reason=reason))
        return state.fired_s
