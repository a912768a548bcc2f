"""Injects a fault on links: applies its actions to the proxies, and undoes them."""

from __future__ import annotations

import asyncio

from chaoslab.errors import ErrorCode, InjectionFailed, Problem
from chaoslab.faults.base import LinkFault, Phases
from chaoslab.injection.context import Context, not_in_force
from chaoslab.model.actions import Action, ConnectPhase, Disable, at_heal_of
from chaoslab.model.topology import Link
from chaoslab.seeds import generator

CONNECTS_IN_USE = ErrorCode(
    "injection.connects_in_use",
    "{fault}: the fault {other} still controls new connections at {proxy}",
    "Two faults would control the new connections of one link at the same time; only one can.",
)
STOPPED_ALTERNATING = ErrorCode(
    "injection.stopped_alternating",
    "{fault} stopped alternating: {cause}",
    "A fault that alternates (Flapping) could not be applied or undone again.",
)


class LinkInjection:
    """Applies the actions of a fault to each link that its target names.

    A fault that alternates is checked during its first phase in force, and alternates from then
    on. The lengths of the phases come from the run's seed.
    """

    def __init__(self, fault: LinkFault, context: Context) -> None:
        self.declared: LinkFault = fault
        self.links = context.topology.links_of(fault.target)
        self.context = context
        can = context.control.capabilities
        proxies = (name for link in self.links for name in context.proxies_of(link))
        actions = tuple(action for name in proxies for action in fault.actions(name, can))
        self.actions = context.disabled.acted(fault, actions) if context.disabled else actions
        for action in self.actions:
            context.control.check(action)
        self._random = generator(context.seed, fault.kind, fault.label)
        self.alternating: asyncio.Task[None] | None = None

    @property
    def leaves_dead(self) -> bool:
        """Whether the heal leaves the connections dead that are open then."""
        return any(at_heal_of(action) == "dead" for action in self.actions)

    async def begin(self) -> float:
        await self.apply()
        return self.context.journal.now()

    async def check(self) -> str:
        seen = "; ".join(await asyncio.gather(*(self._check(link) for link in self.links)))
        if (phases := self.declared.phases) is None:
            return seen
        name = f"phases of {self.declared.label}"
        self.alternating = asyncio.create_task(self._alternate(phases), name=name)
        return f"{seen} (first phase in force)"

    async def end(self) -> None:
        try:
            await self._stop_alternating()
        finally:
            await self.undo()

    async def apply(self) -> None:
        """Apply every action of the fault, on all links at once. Raises an error if an action
        fails.
        """
        self.hold_connects()
        await asyncio.gather(*(self.context.control.apply(action) for action in self.actions))

    async def undo(self) -> None:
        """Undo every action of the fault, on all links at once. If another fault now controls the
        new connections of a proxy, that control is not undone.
        """
        await asyncio.gather(*(self._undo(action) for action in self.actions))

    async def _undo(self, action: Action) -> None:
        label, held = self.declared.label, self.context.connect_held_by
        if not _is_of_connects(action):
            await self.context.control.undo(action)
        elif held.get(action.proxy, label) == label:  # a trigger that failed did not claim it
            await self.context.control.undo(action)
            held.pop(action.proxy, None)

    def hold_connects(self) -> None:
        """Reserve for this fault the control of new connections (the connect phase) at each of its
        proxies.

        Raises InjectionFailed if another fault has reserved one: the heal of either fault would end
        both.
        """
        label, held = self.declared.label, self.context.connect_held_by
        proxies = [action.proxy for action in self.actions if _is_of_connects(action)]
        for proxy in proxies:
            if held.get(proxy, label) != label:
                reason = CONNECTS_IN_USE(fault=label, other=held[proxy], proxy=proxy)
                fix = "start one after the other has ended: only one can control new connections"
                raise InjectionFailed(Problem(reason=reason, fix=fix))
        held.update(dict.fromkeys(proxies, label))

    async def _check(self, link: Link) -> str:
        if not self.declared.asks_canary:
            return f"{link.name}: read back"
        sighting = await self.context.canary(link, within_s=self.declared.canary_waits_s)
        if sighting is None:
            return f"{link.name}: read back; no canary can be sent"
        shown = self.declared.shows(sighting)
        if shown is False:
            raise not_in_force(self.declared, link.name, sighting, link.service)
        return f"{link.name}: " + (f"canary {sighting.outcome}" if shown else "read back")

    async def _alternate(self, phases: Phases) -> None:
        while True:
            await self._wait(phases.in_force_s, phases.spread)
            await self.undo()
            await self._wait(phases.out_s, phases.spread)
            await self.apply()

    async def _stop_alternating(self) -> None:
        if self.alternating is None:
            return
        self.alternating.cancel()
        await asyncio.wait([self.alternating])
        if not self.alternating.cancelled() and (error := self.alternating.exception()):
            reason = STOPPED_ALTERNATING(fault=self.declared.label, cause=str(error))
            raise InjectionFailed(Problem(reason=reason))

    async def _wait(self, seconds: float, spread: float) -> None:
        await asyncio.sleep(seconds * self._random.uniform(1 - spread, 1 + spread))


def _is_of_connects(action: Action) -> bool:
    return isinstance(action, ConnectPhase | Disable)
