"""Each fault of the catalogue in containers, as clients in the app's own place meet it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.clock import now_s
from chaoslab.errors import FaultUnsupported
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import FaultInForce, FaultMissed, LinkPackets, Spawned
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.model.faults import Declared
from chaoslab.model.when import AtConnection
from chaoslab.probes.base import Watched
from chaoslab.probes.sockets import SocketProbe
from chaoslab.runtimes.containers.app import ContainerApp
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from runtimes.stacks import APP, TOPOLOGY, boot, until_line

LINK = "app.redis"
CLIENT = Path(__file__).with_name("pod_client.py").read_text()
ENDED = ("closed", "reset")

# the fault, what a new client meets, what an established connection meets
MET: dict[str, tuple[Declared, tuple[str, ...], tuple[str, ...]]] = {
    "dropped": (Severed(target=LINK), ("dropped",), ("silent",)),
    "refused": (Severed(target=LINK, mode="refused"), ("refused",), ENDED),
    "silent": (Severed(target=LINK, mode="silent"), ("silent",), ("silent",)),
    "one_way": (OneWay(target=LINK), ("silent",), ("silent",)),
    "cut_midstream": (CutMidstream(target=LINK, after_bytes=3), ("closed",), ENDED),
    "slow": (Slow(target=LINK, latency_s=0.4), ("silent",), ("silent",)),
    "throttled": (Throttled(target=LINK, rate_kb_per_s=1), ("+PONG",), ("+PONG",)),
    "flapping": (Flapping(target=LINK, mode="dropped", period_s=1.5), ("dropped",), ("silent",)),
    "stopped": (Stopped(target="redis"), ENDED, ENDED),
    "killed": (Killed(target="redis"), ENDED, ENDED),
    "paused": (Paused(target="redis"), ("silent",), ("silent",)),
    "restarted": (Restarted(target="redis"), ("+PONG",), ENDED),
}


@asynccontextmanager
async def client(
    context: Context, lab: ContainerRuntime, folder: Path
) -> AsyncIterator[ContainerApp]:
    """A client in the pod, whose sockets are written down as an app's are."""
    link, journal = context.addresses[LINK], context.journal
    running = await boot(lab, CLIENT, folder / "app.log", link.host, str(link.port))
    journal.append(
        Spawned(
            at_s=journal.now(), app="app", boot=1, pid=running.pid, port=running.listens_on,
            argv=(), env={},
        )
    )  # fmt: skip
    over = asyncio.Event()
    watched = Watched(app=APP, boot=1, running=running, journal=journal)
    probe = asyncio.create_task(SocketProbe(watched, {LINK: link.port}).run(over))
    await until_line(running, "old +PONG")
    await until_line(running, "new +PONG")
    yield running
    over.set()
    await probe
    await running.terminate(grace_s=0.05)  # it is process 1, which SIGTERM does not end


def said(app: ContainerApp) -> dict[str, str]:
    """The last outcome of old and of new connections."""
    return dict(line.split(" ", 1) for line in app.log_tail(200))


async def meets(app: ContainerApp, who: str, expected: tuple[str, ...]) -> None:
    """Return once that is the outcome. The limit allows a third SYN, 7 s after the first."""
    end_s = now_s() + 15.0
    while said(app).get(who) not in expected:
        if now_s() > end_s:
            kept = app.container.logs(tail=20).decode()
            pytest.fail(f"{who} met none of {expected}: {app.log_tail(20)}; the engine has {kept}")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", MET)
async def test_a_fault_affects_the_pod_and_is_gone_after_its_heal(
    context: Context, lab: ContainerRuntime, tmp_path: Path, name: str
) -> None:
    """Observed by a canary, by an open connection and by a new one; healed; and in the evidence."""
    spec, new_meets, old_meets = MET[name]
    upstream = context.services["redis"].upstream
    async with client(context, lab, tmp_path) as app:
        async with injected(prepare(spec, context), context):
            await meets(app, "old", old_meets)
            await meets(app, "new", new_meets)
            # Sockets are looked at each 0.025 s; what stands at the end of the fault is evidence.
            await asyncio.sleep(0.2)
        await meets(app, "new", ("+PONG",))
        history = context.journal.history
        assert history.first(FaultMissed) is None, history.first(FaultMissed)
        assert history.first(FaultInForce) is not None
        shown = evidence_of(spec, TOPOLOGY, history, app="app", boot=1)
        assert shown.observed_on("redis"), (shown, app.log_tail(50))
        assert context.services["redis"].upstream == upstream


@pytest.mark.parametrize("name", ["dropped", "paused"])
async def test_what_was_held_is_delivered_at_the_heal(
    context: Context, lab: ContainerRuntime, tmp_path: Path, name: str
) -> None:
    """A connection that was open before the outage is open after it."""
    async with client(context, lab, tmp_path) as app:
        async with injected(prepare(MET[name][0], context), context):
            await meets(app, "old", ("silent",))
        await meets(app, "old", ("+PONG",))


USER_TIMEOUT = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5.0)
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)
sock.settimeout(30.0)
sock.sendall(b"PING\\r\\n"); sock.recv(7)
print("open", flush=True)
while True:
    begun = time.monotonic()
    try:
        sock.sendall(b"PING\\r\\n"); sock.recv(7)
    except OSError as error:
        print("gave up", type(error).__name__, error.errno, time.monotonic() - begun, flush=True)
        break
    time.sleep(0.05)
"""


async def test_a_real_drop_lets_tcp_user_timeout_act(
    context: Context, lab: ContainerRuntime, tmp_path: Path
) -> None:
    """Nothing is acknowledged any more, so the kernel gives the connection up as in an outage."""
    link = context.addresses[LINK]
    app = await boot(lab, USER_TIMEOUT, tmp_path / "log", link.host, str(link.port))
    await until_line(app, "open")
    async with injected(prepare(Severed(target=LINK), context), context):
        line = await until_line(app, "gave up")
    _, _, kind, number, took_s = line.split()
    assert (kind, number) == ("TimeoutError", "110")
    # Given up at a retransmission after the second; far from the 15 minutes without the option.
    assert 0.9 < float(took_s) < 8.0


async def test_a_drop_on_one_link_leaves_the_other_alone(context: Context) -> None:
    """Rules are per port; a connector's links fail together only when they are all named."""
    links = {link.name: link for link in TOPOLOGY.links}
    async with injected(prepare(Severed(target=LINK), context), context):
        cut = await context.canary(links[LINK], within_s=0.3)
        whole = await context.canary(links["app.postgres"], within_s=2.0)
    assert cut is not None
    assert whole is not None
    assert (cut.outcome, whole.outcome) == ("connect_timeout", "answered")


async def test_canaries_are_not_counted_as_the_apps(context: Context) -> None:
    """A fault that affected only the lab's canaries is not observed to affect the app."""
    spec = Severed(target=LINK)
    async with injected(prepare(spec, context), context):
        for _ in range(3):
            await context.canary(TOPOLOGY.links[0], within_s=0.2)
    read = list(context.journal.history.of(LinkPackets))
    assert len(read) == 2
    assert read[1].syns_dropped == read[0].syns_dropped == 0
    assert not evidence_of(spec, TOPOLOGY, context.journal.history).observed


async def test_a_trigger_inside_the_proxy_is_refused_with_its_reason(context: Context) -> None:
    """A real Toxiproxy cannot act at a connection by itself: skipped, not run otherwise."""
    spec = Severed(target=LINK, start=AtConnection(link=LINK, n=1))
    with pytest.raises(FaultUnsupported, match="cannot act at a link's connection"):
        prepare(spec, context)
