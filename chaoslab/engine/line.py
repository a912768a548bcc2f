"""The toxics that stand on one stream, in their order: bytes go in at one end, out at the other."""

from __future__ import annotations

from typing import Protocol

from chaoslab.engine.chain import Toxic
from chaoslab.engine.chunks import Chunk
from chaoslab.engine.stage import Emit, Stage


class Bearer(Protocol):
    """The stream that a line stands on."""

    def stage(self, toxic: Toxic) -> Stage:
        """A fresh stage for a toxic that the stream meets now."""
        ...

    def take_back(self) -> list[Chunk]:
        """What waits for the sink, which is then the caller's."""
        ...

    def emit(self, chunk: Chunk) -> None:
        """Where everything goes that has passed the last stage."""
        ...


class Line:
    """Stages one behind the other. Everything that moves bytes may raise ResetAsked.

    It is given its bearer each time: one that it kept would make a circle that only the garbage
    collector could free.
    """

    __slots__ = ("stages",)

    def __init__(self) -> None:
        self.stages: tuple[Stage, ...] = ()

    @property
    def held(self) -> int:
        """Bytes that wait in toxics."""
        return sum(stage.held for stage in self.stages)

    @property
    def cost(self) -> int:
        """What waits in toxics, as it weighs in memory."""
        return sum(stage.cost for stage in self.stages)

    @property
    def wake_s(self) -> float | None:
        """When to pump at the latest; None if time alone changes nothing."""
        return min((s.wake_s for s in self.stages if s.wake_s is not None), default=None)

    def pump(self, now_s: float, bearer: Bearer) -> None:
        """Let every toxic decide about what waits before it."""
        for index, stage in enumerate(self.stages):
            stage.pump(now_s, self._after(index, bearer))
            if not self.stages:  # what went out has ended the connection
                return

    def _after(self, index: int, bearer: Bearer) -> Emit:
        return self.stages[index + 1].accept if index + 1 < len(self.stages) else bearer.emit

    def arrange(self, toxics: list[Toxic], now_s: float, bearer: Bearer) -> None:
        """Put exactly these toxics on the line, with everything in flight in its order.

        What waited in a removed toxic goes to the next one; a new toxic at the end takes over what
        waits for the sink.
        """
        old = self.stages
        standing = {stage.toxic.name: stage for stage in old}
        self.stages = tuple(
            _updated(standing.pop(toxic.name), toxic)
            if toxic.name in standing
            else bearer.stage(toxic)
            for toxic in toxics
        )
        fresh = self._fresh_tail(old)
        if fresh:
            for chunk in bearer.take_back():
                fresh[-1].accept(chunk)
        after = [stage.accept for stage in old[1:]]
        after.append(fresh[0].accept if fresh else bearer.emit)
        for stage, emit in zip(old, after, strict=False):
            if stage.toxic.name in standing:
                stage.leave(now_s, emit)

    def _fresh_tail(self, old: tuple[Stage, ...]) -> list[Stage]:
        """The new stages behind the last one that stayed: where bytes may be taken back to."""
        fresh: list[Stage] = []
        for stage in reversed(self.stages):
            if stage in old:
                break
            fresh.insert(0, stage)
        return fresh

    def stop(self) -> None:
        """The connection is over: nothing moves any more."""
        self.stages = ()


def _updated(stage: Stage, toxic: Toxic) -> Stage:
    stage.toxic = toxic
    return stage
