"""Injects a fault of a service: stops, kills, pauses or starts the service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from chaoslab.faults.base import ServiceFault
from chaoslab.injection.context import Context, not_in_force
from chaoslab.injection.inert import InertService
from chaoslab.model.actions import ServiceAct
from chaoslab.runtimes.base import RunningService


class ServiceInjection:
    """Carries out the acts of a fault on its service: `begin` those that inject it, `end` those
    that heal it.
    """

    def __init__(self, fault: ServiceFault, context: Context) -> None:
        self.declared: ServiceFault = fault
        self.links = context.topology.links_of(fault.target)
        self._context = context
        self._service: RunningService = context.services[fault.target]
        if context.disables(fault):
            self._service = InertService(self._service)
        self._begun = False

    async def begin(self) -> float:
        before_s = self._context.journal.now()
        self._begun = True
        await self._act(self.declared.begins)
        return before_s if self.declared.in_force_from == "before" else self._context.journal.now()

    async def check(self) -> str:
        fault = self.declared
        sighting = await self._service.ask(within_s=fault.canary_waits_s)
        if not fault.shows(sighting):
            raise not_in_force(fault, fault.target, sighting, fault.target, f"'{fault.canary}'")
        return f"{fault.target}: canary {sighting.outcome}"

    async def end(self) -> None:
        if self._begun:
            await self._act(self.declared.heals)
            self._begun = False

    async def _act(self, acts: Iterable[ServiceAct]) -> None:
        service = self._service
        for act in acts:
            match act:
                case "stop":
                    await service.stop()
                case "kill":
                    await service.kill()
                case "start":
                    await service.start()
                case "pause":
                    await service.pause()
                case "resume":
                    await service.resume()
                case _:
                    assert_never(act)
