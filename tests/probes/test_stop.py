"""An app that the plan stops: it is asked no more, and how it ended is recorded once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaoslab.history.events import Exited, HealthSample, StopRequested
from chaoslab.model.plan import Plan
from chaoslab.probes.request import Reply
from chaoslab.probes.watch import Watch

from .rig import PATIENCE_S, Here, server, until, watching

PLACE = "boots[0].stop"


class Slow(Here):
    """It ends only after the lab has asked health again, or would have."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        self.killed_after_s = grace_s
        await asyncio.sleep(0.3)
        return await super().terminate(grace_s)


async def healthy(method: str, path: str, body: bytes) -> Reply:
    return 200, {"status": "healthy"}


async def test_a_stop_is_recorded_with_its_end_and_a_kill(tmp_path: Path) -> None:
    """The request comes first. Health is asked no more, and a second stop does nothing."""
    async with server(healthy) as port, watching(tmp_path, Slow(port)) as watched:
        watch = Watch(watched, Plan(), {}, None)
        await until(watched.journal, lambda e: isinstance(e, HealthSample))
        async with asyncio.timeout(PATIENCE_S):
            assert await watch.stop(PLACE, 0.2)
            assert not await watch.stop(PLACE, 0.2)
            await watch.end()
        history = watched.journal.history
        (request,), (ended,) = history.of(StopRequested), history.of(Exited)
        assert (request.place, request.grace_s) == (PLACE, 0.2)
        assert (ended.asked, ended.killed_after_s) == (True, 0.2)
        assert request.at_s <= ended.at_s
        assert all(s.at_s <= request.at_s for s in history.of(HealthSample))


async def test_a_process_that_has_ended_is_not_asked_to_stop(tmp_path: Path) -> None:
    """It ended by itself, and the history says so."""
    async with server(healthy) as port:
        running = Here(port)
        async with watching(tmp_path, running) as watched:
            watch = Watch(watched, Plan(), {}, None)
            await running.terminate()
            ended = await until(watched.journal, lambda e: isinstance(e, Exited))
            assert not await watch.stop(PLACE, 1.0)
            async with asyncio.timeout(PATIENCE_S):
                await watch.end()
            assert isinstance(ended, Exited)
            assert (ended.asked, ended.killed_after_s) == (False, None)
            assert watched.journal.history.first(StopRequested) is None
