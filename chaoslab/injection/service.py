"""Faults of a service itself: stopped, killed, paused, restarted; always the same port again."""

from __future__ import annotations

from chaoslab.errors import InjectionFailed
from chaoslab.injection.base import Ground
from chaoslab.model.faults import Killed, Paused, Restarted, ServiceFault, Stopped
from chaoslab.model.sighting import Sighting

SILENCE_S = 0.2  # this long without an answer counts as silence
ANSWER_S = 2.0  # a refusal or an answer comes at once; only a starved machine takes longer


class DownFault:
    """`Stopped` or `Killed`: gone until the heal starts it again with the same data."""

    shade = "darkorange"

    def __init__(self, spec: Stopped | Killed, ground: Ground) -> None:
        self.spec: ServiceFault = spec
        self.links = ground.topology.links_of(spec.target)
        self._ground = ground
        self._service = ground.services[spec.target]
        self._down = False

    async def begin(self) -> float:
        self._down = True
        await (self._service.kill() if isinstance(self.spec, Killed) else self._service.stop())
        return self._ground.journal.now()

    async def seen(self) -> str:
        return _must_be("refused", await _ask(self._ground, self.spec), self.spec)

    async def end(self) -> None:
        if self._down:
            await self._service.start()
            self._down = False


class PausedFault:
    """Frozen: the kernel still accepts, nobody answers."""

    shade = "slateblue"

    def __init__(self, spec: Paused, ground: Ground) -> None:
        self.spec: ServiceFault = spec
        self.links = ground.topology.links_of(spec.target)
        self._ground = ground
        self._service = ground.services[spec.target]

    async def begin(self) -> float:
        await self._service.pause()
        return self._ground.journal.now()

    async def seen(self) -> str:
        sighting = await _ask(self._ground, self.spec, within_s=SILENCE_S)
        return _must_be("silent", sighting, self.spec)

    async def end(self) -> None:
        await self._service.resume()


class RestartedFault:
    """Stopped and started again at once; in force from the moment that it is up again."""

    shade = "goldenrod"

    def __init__(self, spec: Restarted, ground: Ground) -> None:
        self.spec: ServiceFault = spec
        self.links = ground.topology.links_of(spec.target)
        self._ground = ground
        self._service = ground.services[spec.target]

    async def begin(self) -> float:
        began_s = self._ground.journal.now()
        await self._service.stop()
        await self._service.start()
        return began_s

    async def seen(self) -> str:
        return _must_be("answered", await _ask(self._ground, self.spec), self.spec)

    async def end(self) -> None:
        """Nothing to take away: the restart is over, and its stale connections are the fault."""


async def _ask(ground: Ground, spec: ServiceFault, *, within_s: float = ANSWER_S) -> Sighting:
    return await ground.services[spec.target].ask(within_s=within_s)


def _must_be(expected: str, sighting: Sighting, spec: ServiceFault) -> str:
    if sighting.outcome != expected:
        raise InjectionFailed(f"{spec.label}: expected '{expected}', met '{sighting.outcome}'")
    return f"{spec.target}: canary {sighting.outcome}"
