"""A fault at a message in containers: the lab's own engine acts at it, a real Toxiproxy cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio
from engine_here import needs_engine

from chaoslab.errors import FaultUnsupported
from chaoslab.faults import AtMessage
from chaoslab.faults.at_message import At
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import Spawned
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.runtimes.containers.session import DockerSession
from runtimes.stacks import SMALL, boot, ground_of, until_line

LINK = "app.redis"
# Sets one key after another, each on a connection of its own, and prints what came of it.
WRITER = """
import socket, sys, time
for n in range(200):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5.0) as sock:
        sock.sendall(b"SET key%d 1\\r\\n" % n)
        print(sock.recv(64).decode().strip() or "closed", n, flush=True)
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def embedded_session() -> Iterator[DockerSession]:
    """A stack whose labs start the lab's own engine."""
    needs_engine()
    session = DockerSession(SMALL, "embedded")
    yield session
    session.close()


@pytest.mark.parametrize(("at", "kept"), [("before", 0), ("after", 1)])
async def test_the_labs_engine_cuts_before_or_after_the_server_has_the_message(
    embedded_session: DockerSession, tmp_path: Path, at: At, kept: int
) -> None:
    """Observed by the app in its pod, by the server, and in the evidence; healed afterwards."""
    spec = AtMessage(target=LINK, message="SET", at=at, nth=1)
    async with (
        embedded_session.lab() as lab,
        ground_of(lab, SMALL, tmp_path, "embedded") as context,
    ):
        await context.control.read_messages(LINK, "redis")
        link, journal, server = context.addresses[LINK], context.journal, context.services["redis"]
        app = await boot(lab, WRITER, tmp_path / "app.log", link.host, str(link.port))
        spawned = Spawned(
            at_s=journal.now(), app="app", boot=1, pid=app.pid, port=app.listens_on,
            argv=(), env={},
        )  # fmt: skip
        journal.append(spawned)
        await until_line(app, "+OK")
        async with injected(prepare(spec, context), context):
            number = int((await until_line(app, "closed")).split()[1])
        await until_line(app, f"+OK {number + 1}")
        direct = redis.asyncio.Redis(host=server.endpoint.host, port=server.endpoint.port)
        async with direct:
            assert await direct.exists(f"key{number}") == kept
        shown = evidence_of(spec, SMALL, journal.history, app="app", boot=1)
        assert shown.observed_on("redis"), shown
        await app.terminate(grace_s=0.05)


async def test_a_real_toxiproxy_refuses_to_read_messages_with_its_reason(context: Context) -> None:
    """The scenario is skipped before anything is injected; the fix names the engine."""
    with pytest.raises(FaultUnsupported, match="does not read the messages") as refused:
        await context.control.read_messages(LINK, "redis")
    assert "--chaos-proxy=embedded" in refused.value.problems[0].fix
