"""Network faults at work: on every link of their target, armed in the engine, or flapping."""

from __future__ import annotations

import asyncio

from chaoslab.errors import InjectionFailed
from chaoslab.injection.base import Ground
from chaoslab.injection.network import actions_for, canary_patience_s, path_safe, shows
from chaoslab.model.actions import Action, ConnectPhase, Disable
from chaoslab.model.faults import Flapping, NetworkFault
from chaoslab.model.topology import Link
from chaoslab.model.when import AtConnection
from chaoslab.seeds import generator

TRIGGER_POLL_S = 0.02
FLAP_SPREAD = 0.2


class LinkFault:
    """A network fault on each link that its target names."""

    shade = "crimson"

    def __init__(self, spec: NetworkFault, ground: Ground) -> None:
        self.spec: NetworkFault = spec
        self.links = ground.topology.links_of(spec.target)
        self.ground = ground
        actions = actions_for(spec, self.links, ground.control.capabilities)
        self.actions = ground.disabled.acted(spec, actions) if ground.disabled else actions
        for action in self.actions:
            ground.control.check(action)

    async def begin(self) -> float:
        await self.sever()
        return self.ground.journal.now()

    async def seen(self) -> str:
        return "; ".join(await asyncio.gather(*(self._look(link) for link in self.links)))

    async def end(self) -> None:
        await self.heal()

    async def sever(self) -> None:
        """Apply every action, on all links at once; all or an error."""
        self.hold_connects()
        await asyncio.gather(*(self.ground.control.apply(action) for action in self.actions))

    async def heal(self) -> None:
        """Undo every action on all links at once, but for connects that another fault holds."""
        await asyncio.gather(*(self._undo(action) for action in self.actions))

    async def _undo(self, action: Action) -> None:
        label, held = self.spec.label, self.ground.connect_held_by
        if not _is_of_connects(action):
            await self.ground.control.undo(action)
        elif held.get(action.proxy, label) == label:  # a trigger that failed has claimed nothing
            await self.ground.control.undo(action)
            held.pop(action.proxy, None)

    def hold_connects(self) -> None:
        """Claim the connect phase of its proxies, which two faults cannot have at a time.

        Raises InjectionFailed where another fault holds one: its heal would end both.
        """
        label, held = self.spec.label, self.ground.connect_held_by
        proxies = [action.proxy for action in self.actions if _is_of_connects(action)]
        for proxy in proxies:
            if held.get(proxy, label) != label:
                fix = "let one end before the other begins"
                raise InjectionFailed(f"{label}: {held[proxy]} still holds {proxy}; {fix}")
        held.update(dict.fromkeys(proxies, label))

    async def _look(self, link: Link) -> str:
        sighting = await self.ground.canary(link, within_s=canary_patience_s(self.spec))
        if sighting is None:
            return f"{link.name}: read back, and no canary can tell"
        shown = shows(self.spec, sighting)
        if shown is False:
            raise InjectionFailed(
                f"{self.spec.label} is not in force on {link.name}: "
                f"a canary met '{sighting.outcome}' after {sighting.took_s:.3f} s"
            )
        return f"{link.name}: " + (f"canary {sighting.outcome}" if shown else "read back")


def _is_of_connects(action: Action) -> bool:
    return isinstance(action, ConnectPhase | Disable)


class TriggeredLinkFault(LinkFault):
    """A network fault that the proxy engine itself puts in force at a link's n-th connection."""

    def __init__(self, spec: NetworkFault, start: AtConnection, ground: Ground) -> None:
        super().__init__(spec, ground)
        ground.control.check_triggers()
        self._start = start
        self._name = path_safe(spec.label)

    async def arm(self) -> None:
        """Hand the actions to the engine; from here on no poll of the lab's stands in between."""
        control, start = self.ground.control, self._start
        await control.arm(self._name, start.link, start.n, self.actions)

    async def fired(self) -> bool:
        """Wait until the engine, another process, has fired; bound it from outside."""
        while True:
            if await self._fired_s() is not None:
                return True
            await asyncio.sleep(TRIGGER_POLL_S)

    async def begin(self) -> float:
        """The engine has begun it already; says when."""
        fired_s = await self._fired_s()
        if fired_s is None:
            raise InjectionFailed(f"{self.spec.label}: the engine has not fired")
        self.hold_connects()
        return fired_s - self.ground.journal.origin_s

    async def end(self) -> None:
        await self.ground.control.disarm(self._name, self._start.link)
        await self.heal()

    async def _fired_s(self) -> float | None:
        state = await self.ground.control.trigger(self._name, self._start.link)
        if state.error:
            raise InjectionFailed(f"{self.spec.label}: the engine failed to act: {state.error}")
        return state.fired_s


class FlappingLinkFault(LinkFault):
    """Severed and whole in turn until it ends; the phases' lengths come from the run's seed."""

    def __init__(self, spec: Flapping, ground: Ground) -> None:
        super().__init__(spec, ground)
        self._flaps = spec
        self._random = generator(ground.seed, "flapping", spec.label)
        self._task: asyncio.Task[None] | None = None

    async def seen(self) -> str:
        # looked at in the first severed phase, before the flapping begins to move
        seen = await super().seen()
        self._task = asyncio.create_task(self._flap(), name=f"flapping {self.spec.label}")
        return f"{seen} (first of many)"

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()):
                raise InjectionFailed(f"{self.spec.label} stopped flapping: {error}")
        await self.heal()

    async def _flap(self) -> None:
        flaps = self._flaps
        while True:
            await self._hold(flaps.period_s * flaps.duty)
            await self.heal()
            await self._hold(flaps.period_s * (1 - flaps.duty))
            await self.sever()

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._random.uniform(1 - FLAP_SPREAD, 1 + FLAP_SPREAD))
