"""Checks of a lab's containers: what is done to them from outside is observed and named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_here import needs_engine

from chaoslab.clock import now_s
from chaoslab.history.events import LabTrouble
from chaoslab.history.journal import Journal
from chaoslab.probes.parts import PartsProbe
from chaoslab.runtimes.containers.engine import in_thread
from chaoslab.runtimes.containers.session import DockerSession
from runtimes.stacks import SMALL, ground_of

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def session() -> Iterator[DockerSession]:
    """A stack of this file's own: a part that was killed is of no use to others."""
    needs_engine()
    session = DockerSession(SMALL, "toxiproxy")
    yield session
    session.close()


async def troubled(journal: Journal, is_it: Callable[[LabTrouble], bool]) -> LabTrouble:
    """The first trouble that is it."""
    found = await journal.wait_for(
        lambda events: next((e for e in events if isinstance(e, LabTrouble) and is_it(e)), None),
        PATIENCE_S,
    )
    assert isinstance(found, LabTrouble), list(journal.history.of(LabTrouble))
    return found


async def test_a_server_that_is_frozen_or_killed_from_outside_is_named(
    session: DockerSession, tmp_path: Path
) -> None:
    """The lab's own stops, kills and pauses of it are none of that."""
    async with session.lab() as lab, ground_of(lab, SMALL, tmp_path) as context:
        redis, journal = context.services["redis"], context.journal
        container = lab.stack.servers["redis"].container
        probe = PartsProbe(lab.parts, journal)
        watch = asyncio.create_task(probe.run())
        for act in (redis.pause, redis.resume, redis.stop, redis.start, redis.kill, redis.start):
            await act()
            await asyncio.sleep(0.7)  # longer than one look
        assert not list(journal.history.of(LabTrouble))
        await in_thread(container.pause)
        await troubled(journal, lambda e: e.part == "redis" and "froze" in e.what)
        await in_thread(container.unpause)
        over = await troubled(journal, lambda e: e.lasted_s is not None)
        assert (over.part, over.what) == (
            "redis",
            "its container was frozen from outside the lab (docker pause)",
        )
        begun_s = now_s()
        await in_thread(container.kill)
        await asyncio.wait_for(watch, PATIENCE_S)
        assert now_s() - begun_s < 5.0  # half a second for the look, the rest for a stall
        assert str(probe.failure).startswith("redis: it ended by SIGKILL\n")
        await redis.start()


@pytest.mark.parametrize("act", ["pause", "kill"])
async def test_a_proxy_server_that_is_stopped_from_outside_is_named(
    session: DockerSession, tmp_path: Path, act: str
) -> None:
    """Killed it ends the run; frozen it does not answer either."""
    async with session.lab() as lab, ground_of(lab, SMALL, tmp_path) as context:
        container = lab.stack.gateway.proxy
        assert container is not None
        probe = PartsProbe(lab.parts, context.journal)
        watch = asyncio.create_task(probe.run())
        await asyncio.sleep(0.5)
        assert not list(context.journal.history.of(LabTrouble))
        if act == "kill":
            await in_thread(container.kill)
            await asyncio.wait_for(watch, PATIENCE_S)
            assert str(probe.failure).startswith("the Toxiproxy server: it ended by SIGKILL\n")
        else:
            await in_thread(container.pause)
            for what in ("froze", "gave no answer"):
                seen = await troubled(context.journal, lambda e, what=what: what in e.what)  # type: ignore[misc]
                assert seen.part == "the Toxiproxy server"
            await in_thread(container.unpause)
            watch.cancel()


async def test_an_agent_that_is_silent_or_gone_is_named(tmp_path: Path) -> None:
    """Without it the app's sockets are not observed, and the app would seem to have none."""
    needs_engine()
    session = DockerSession(SMALL, "toxiproxy")
    try:
        async with session.lab() as lab, ground_of(lab, SMALL, tmp_path) as context:
            agent = lab.stack.pods["app"].agent
            probe = PartsProbe(lab.parts, context.journal)
            watch = asyncio.create_task(probe.run())
            await in_thread(agent.container.pause)
            silent = await troubled(context.journal, lambda e: "no answer" in e.what)
            assert silent.part == agent.name
            await in_thread(agent.container.unpause)
            await troubled(context.journal, lambda e: e.lasted_s is not None)
            await in_thread(agent.container.kill)
            await asyncio.wait_for(watch, PATIENCE_S)
            assert str(probe.failure).startswith(f"{agent.name}: it ended by SIGKILL\n")
    finally:
        session.close()
