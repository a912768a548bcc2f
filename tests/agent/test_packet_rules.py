"""Packet rules on a real wire: the path is severed for the app's kernel too."""

from __future__ import annotations

import asyncio
import errno
import itertools
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from engine.rig import syns_within

from chaoslab.agent.iptables_rules import Counters
from chaoslab.agent.packet_rules import PacketRules
from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed

from .rig import (
    PATIENCE_S,
    PROXY,
    AgentProcess,
    Wire,
    agent_in,
    dial,
    enter,
    inside,
    listener,
    needs_namespaces,
    pongs,
    port_of,
)

pytestmark = needs_namespaces

SILENT_S = 0.3


@asynccontextmanager
async def three(wire: Wire) -> AsyncIterator[tuple[int, AgentProcess, AgentProcess]]:
    """The port of a server, an agent in the app's namespace, and one in the proxy's."""
    async with (
        pongs(wire) as port,
        agent_in(*enter(wire.app)) as app,
        agent_in(*enter(wire.proxy)) as hands,
    ):
        yield port, app, hands


async def asked(app: AgentProcess, port: int, within_s: float = 2.0) -> str:
    """What a canary from the app's namespace observes."""
    answer = await app.do(
        "ask", host=PROXY, port=port, asked="50494e470d0a", answered=True, within_s=within_s
    )
    return str(answer["outcome"])


async def test_a_dropped_port_makes_connects_wait_until_it_passes_again(wire: Wire) -> None:
    """For the app and for the canary: no answer and no refusal."""
    async with three(wire) as (port, app, hands):
        await hands.do("guard", port=port)
        assert await asked(app, port) == "answered"
        await hands.do("drop", port=port)
        assert await asked(app, port) == "connect_timeout"
        with pytest.raises(TimeoutError):
            await dial(wire, port, within_s=SILENT_S)
        await hands.do("pass", port=port)
        assert await asked(app, port) == "answered"


async def test_counters_count_only_the_app_and_stay_after_changes(wire: Wire) -> None:
    """Canaries, passed or dropped, are not counted."""
    async with three(wire) as (port, app, hands):
        await hands.do("guard", port=port)
        assert await asked(app, port) == "answered"
        await hands.do("drop", port=port)
        assert await asked(app, port) == "connect_timeout"
        idle = await hands.do("counters", port=port)
        assert {name: idle[name] for name in idle if name != "at_s"} == dict.fromkeys(
            Counters.__slots__, 0
        )
        begun_s = now_s()
        with pytest.raises(TimeoutError):
            await dial(wire, port, within_s=SILENT_S)
        most = syns_within(now_s() - begun_s)  # one, if no retry was due
        dropped = await hands.do("counters", port=port)
        assert 1 <= (syns := dropped["syns"]) <= most
        assert dropped["syns_dropped"] == syns
        await hands.do("pass", port=port)
        await hands.do("guard", port=port)
        (await dial(wire, port)).close()
        passed = await hands.do("counters", port=port)
        assert (passed["syns"], passed["syns_dropped"]) == (syns + 1, syns)
        assert passed["bytes_up"] > 0 < passed["bytes_down"]
        assert (passed["resets"], passed["packets_dropped"]) == (0, 0)


async def test_a_refusal_counts_as_a_reset_from_the_port(wire: Wire) -> None:
    """Without a listener, each connect is a SYN and an RST."""
    async with pongs(wire) as port:
        pass
    async with agent_in(*enter(wire.proxy)) as hands:
        await hands.do("guard", port=port)
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await dial(wire, port)
        answer = await hands.do("counters", port=port)
        assert (answer["syns"], answer["resets"], answer["syns_dropped"]) == (3, 3, 0)


async def test_the_limits_of_the_apps_own_kernel_act_behind_a_drop(
    wire: Wire, record_property: Callable[[str, object], None]
) -> None:
    """A proxy in user space cannot do this: its kernel acknowledges data and keepalives."""
    loop = asyncio.get_running_loop()
    async with pongs(wire) as port, agent_in(*enter(wire.proxy)) as hands:
        busy, idle = await dial(wire, port), await dial(wire, port)
        busy.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
            idle.setsockopt(socket.IPPROTO_TCP, option, 1)
        with busy, idle:
            await hands.do("drop", port=port)
            begun_s = now_s()
            await loop.sock_sendall(busy, b"PING\r\n")

            async def ended(sock: socket.socket) -> tuple[int | None, float]:
                async with asyncio.timeout(15.0):
                    try:
                        assert not await loop.sock_recv(sock, 1), "no byte may pass"
                    except OSError as error:
                        return error.errno, now_s() - begun_s
                return None, now_s() - begun_s

            ends = await asyncio.gather(ended(busy), ended(idle))
            answer = await hands.do("counters", port=port)
    for limit, (_, took_s) in zip(("user_timeout_s", "keepalive_s"), ends, strict=True):
        record_property(limit, round(took_s, 2))
    assert [number for number, _ in ends] == [errno.ETIMEDOUT, errno.ETIMEDOUT]
    # Never before the limit; after it at the next of the kernel's retries, whose pauses double.
    assert 1.4 < ends[0][1] < 8.0
    assert 1.4 < ends[1][1] < 8.0
    assert answer["packets_dropped"] > 2


@pytest.mark.parametrize("speaker", ["app", "proxy"])
async def test_an_open_connection_is_silent_in_each_direction(wire: Wire, speaker: str) -> None:
    """Bytes sent meanwhile arrive after the heal."""
    loop = asyncio.get_running_loop()
    with listener(wire) as server:
        server.setblocking(False)
        port = port_of(server)
        async with agent_in(*enter(wire.proxy)) as hands:
            await hands.do("guard", port=port)
            client = await dial(wire, port)
            served, _ = await loop.sock_accept(server)
            served.setblocking(False)
            talks, hears = (client, served) if speaker == "app" else (served, client)
            with client, served:
                await hands.do("drop", port=port)
                await loop.sock_sendall(talks, b"hello")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(SILENT_S):
                        await loop.sock_recv(hears, 5)
                counted = await hands.do("counters", port=port)
                await hands.do("pass", port=port)
                async with asyncio.timeout(PATIENCE_S):
                    assert await loop.sock_recv(hears, 5) == b"hello"
    assert counted["packets_dropped"] > 0 == counted["syns_dropped"]


async def test_a_connection_that_was_held_loses_no_byte_in_either_direction(wire: Wire) -> None:
    """While numbered words are sent, drops begin and end; each word arrives once and in order."""
    loop = asyncio.get_running_loop()
    severed = asyncio.Event()
    words = b"".join(number.to_bytes(4, "big") for number in range(1 << 16))
    server = listener(wire)
    server.setblocking(False)
    async with agent_in(*enter(wire.proxy)) as hands:
        port = port_of(server)
        client = await dial(wire, port)
        served, _ = await loop.sock_accept(server)
        served.setblocking(False)

        async def send(sock: socket.socket) -> None:
            for at in range(0, len(words), 4096):
                if at >= len(words) // 2:
                    await severed.wait()
                await loop.sock_sendall(sock, words[at : at + 4096])
                await asyncio.sleep(0.005)

        async def read(sock: socket.socket) -> bytes:
            got = bytearray()
            while len(got) < len(words):
                got += await loop.sock_recv(sock, 1 << 16)
            return bytes(got)

        async def sever() -> None:
            for verb in itertools.islice(itertools.cycle(("drop", "pass")), 6):
                await hands.do(verb, port=port)
                severed.set()
                await asyncio.sleep(0.1)

        with server, client, served:
            async with asyncio.timeout(20.0):
                *_, up, down = await asyncio.gather(
                    sever(), send(client), send(served), read(served), read(client)
                )
            answer = await hands.do("counters", port=port)
    assert up == words
    assert down == words
    assert answer["packets_dropped"] > 0


async def test_a_new_agent_takes_over_the_rules_of_another(wire: Wire) -> None:
    """The rules stay, the counters go on, and the port can be healed."""
    async with pongs(wire) as port:
        async with agent_in(*enter(wire.proxy)) as first:
            await first.do("drop", port=port)
            begun_s = now_s()
            with pytest.raises(TimeoutError):
                await dial(wire, port, within_s=SILENT_S)
            most = syns_within(now_s() - begun_s)  # one, if no retry was due
        async with agent_in(*enter(wire.proxy)) as second:
            await second.do("guard", port=port)
            assert 1 <= (await second.do("counters", port=port))["syns_dropped"] <= most
            await second.do("pass", port=port)
            (await dial(wire, port)).close()


@pytest.mark.parametrize("tool", ["iptables-legacy", "iptables-nft"])
async def test_both_variants_of_iptables_work(wire: Wire, tool: str) -> None:
    """Guarded twice, dropped, read; at the end no rule is left."""
    if not shutil.which(tool):
        pytest.skip(f"no {tool} on this machine")
    with inside(wire.proxy):
        rules = PacketRules((tool,))
        assert (await rules.about()).startswith("iptables v")
        for _ in range(2):
            await rules.guard(7001)
        await rules.guard(7002)
        await rules.switch(7001, dropping=True)
        assert await rules.counters(7001) == Counters()
        for port in (7001, 7002, 7001):
            await rules.unguard(port)
        with pytest.raises(InjectionFailed, match="not guarded"):
            await rules.counters(7001)
        assert "CHAOSLAB" not in await rules._saved()


async def test_without_iptables_the_error_has_the_fix(wire: Wire) -> None:
    """An image without iptables."""
    with pytest.raises(InjectionFailed, match=r"not in this image\n.*with iptables in it"):
        await PacketRules(("no-such-iptables",)).about()


async def test_without_the_capability_the_error_has_the_fix(wire: Wire) -> None:
    """With the output of each tool, and the capability to add."""
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("no setpriv to drop a capability with")
    async with agent_in(*enter(wire.proxy), setpriv, "--bounding-set", "-net_admin") as agent:
        about = await agent.do("about")
        assert about["rules"] is None
        assert about["why_no_rules"].endswith("as root with the capability NET_ADMIN")
        answer = await agent.answer_to({"do": "drop", "port": 7001})
        assert "NET_ADMIN" in answer["error"]
