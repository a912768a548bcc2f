"""The toxics in force on one stream: bytes enter the first one and leave the last one."""

from __future__ import annotations

from typing import Protocol

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.stage import Emit, Stage
from chaoslab.engine.toxic_collection import Toxic


class PipelineOwner(Protocol):
    """The methods of a stream that its pipeline uses."""

    def stage(self, toxic: Toxic) -> Stage:
        """A new stage for `toxic`, which applies to the stream from now on."""
        ...

    def take_back(self) -> list[Chunk]:
        """Remove and return the bytes that wait until the sink is writable, as chunks."""
        ...

    def emit(self, chunk: Chunk) -> None:
        """Send a chunk that has passed the last stage."""
        ...


class Pipeline:
    """The stages of one stream, in order. Every method that moves bytes may raise ResetRequested.

    Methods take the owner as an argument, because a stored reference would be a cycle, which only
    the garbage collector can free.
    """

    __slots__ = ("stages",)

    def __init__(self) -> None:
        self.stages: tuple[Stage, ...] = ()

    @property
    def held(self) -> int:
        """The number of bytes that the toxics hold."""
        return sum(stage.held for stage in self.stages)

    @property
    def cost(self) -> int:
        """The memory in bytes of the waiting chunks, with their overhead."""
        return sum(stage.cost for stage in self.stages)

    @property
    def wake_s(self) -> float | None:
        """The time at which `pump` must be called at the latest; None if no toxic waits."""
        return min((s.wake_s for s in self.stages if s.wake_s is not None), default=None)

    def pump(self, now_s: float, owner: PipelineOwner) -> None:
        """Let each toxic decide about its waiting bytes, and pass them on."""
        for index, stage in enumerate(self.stages):
            stage.pump(now_s, self._after(index, owner))
            if not self.stages:  # the bytes that it passed on have ended the connection
                return

    def _after(self, index: int, owner: PipelineOwner) -> Emit:
        return self.stages[index + 1].accept if index + 1 < len(self.stages) else owner.emit

    def apply_toxics(self, toxics: list[Toxic], now_s: float, owner: PipelineOwner) -> None:
        """Put exactly the toxics `toxics` in force; bytes keep their order.

        Bytes of a removed toxic go to the next one. If the last toxic is new, it also gets the
        bytes that wait until the sink is writable. May raise AbandonRequested.
        """
        old = self.stages
        unclaimed = {stage.toxic.name: stage for stage in old}
        self.stages = tuple(
            _updated(unclaimed.pop(toxic.name), toxic)
            if toxic.name in unclaimed
            else owner.stage(toxic)
            for toxic in toxics
        )
        fresh = self._fresh_tail(old)
        if fresh:
            for chunk in owner.take_back():
                fresh[-1].accept(chunk)
        after = [stage.accept for stage in old[1:]]
        after.append(fresh[0].accept if fresh else owner.emit)
        for stage, emit in zip(old, after, strict=False):
            if stage.toxic.name in unclaimed:
                stage.leave(now_s, emit)

    def _fresh_tail(self, old: tuple[Stage, ...]) -> list[Stage]:
        """The new stages behind the last one of `old`; unsent bytes may be moved back to these
        stages.
        """
        fresh: list[Stage] = []
        for stage in reversed(self.stages):
            if stage in old:
                break
            fresh.insert(0, stage)
        return fresh

    def stop(self) -> None:
        """Remove all stages and their bytes: the connection is over."""
        self.stages = ()


def _updated(stage: Stage, toxic: Toxic) -> Stage:
    stage.toxic = toxic
    return stage
