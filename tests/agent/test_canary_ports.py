"""The ports of canaries: in rotation, without conflicts, and free again at once."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
from contextlib import suppress

import pytest

from chaoslab.agent.canary import ask
from chaoslab.agent.canary_ports import CanaryPorts
from chaoslab.agent.tcp_table import tcp_table
from chaoslab.errors import InjectionFailed
from chaoslab.machine.ports import Ports, is_free

from .test_canary import listener, port_of, question_to


def three_in_a_row() -> int:
    """The first of three consecutive free ports, which stay free while this process lives.

    As canaries have them in a container, but ports that a test may bind without root.

    """
    while True:
        first = _HELD.take()
        if all(_HELD.claim(port) and is_free(port) for port in (first + 1, first + 2)):
            return first


_HELD = Ports()
atexit.register(_HELD.close)
FIRST = three_in_a_row()
LAST = FIRST + 2


@pytest.fixture
def ports() -> CanaryPorts:
    """Three canary ports."""
    return CanaryPorts(FIRST, LAST)


def bound(ports: CanaryPorts) -> socket.socket:
    """A socket on the next port."""
    sock = socket.socket()
    ports.bind(sock)
    return sock


def test_ports_are_taken_in_turn(ports: CanaryPorts) -> None:
    """Each is used once before one is used again."""
    taken = []
    for _ in range(6):
        sock = bound(ports)
        taken.append(port_of(sock))
        ports.release(sock)
    assert taken == [FIRST, FIRST + 1, LAST] * 2


def test_a_port_in_use_is_skipped(ports: CanaryPorts) -> None:
    """An app may listen on one of them."""
    with socket.create_server(("127.0.0.1", FIRST)):
        sock = bound(ports)
        assert port_of(sock) == FIRST + 1
        ports.release(sock)


def test_a_port_that_may_be_half_open_comes_last(ports: CanaryPorts) -> None:
    """The end of its connection may not have reached the server."""
    sock = bound(ports)
    ports.release(sock, rest=True)
    taken = []
    for _ in range(4):
        sock = bound(ports)
        taken.append(port_of(sock))
        ports.release(sock)
    assert taken == [FIRST + 1, LAST, FIRST + 1, LAST]


def test_without_a_free_port_there_is_an_error(ports: CanaryPorts) -> None:
    """With the cause and the fix; it is not taken for an outage."""
    taken = [socket.create_server(("127.0.0.1", port)) for port in range(FIRST, LAST + 1)]
    try:
        with socket.socket() as sock, pytest.raises(InjectionFailed, match="NET_BIND_SERVICE"):
            ports.bind(sock)
    finally:
        for each in taken:
            each.close()


async def test_many_more_canaries_than_ports_reach_one_address(ports: CanaryPorts) -> None:
    """None waits for TIME_WAIT of an earlier one, and the port is reported.

    The canary asks as Postgres' does: its one byte is read, so a plain close would send a FIN.

    """

    async def refuse_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse_tls, "127.0.0.1", 0) as server:
        port = port_of(server.sockets[0])
        seen = [
            await ask("127.0.0.1", port, question_to("postgres"), within_s=5.0, source=ports)
            for _ in range(10)
        ]
    assert {each.outcome for each in seen} == {"answered"}
    assert {each.client_port for each in seen} == {FIRST, FIRST + 1, LAST}
    assert not ports.inodes


async def test_concurrent_canaries_have_different_ports(ports: CanaryPorts) -> None:
    """Each is known as a canary while it is open, and not after that."""
    with listener() as mute:
        asking = [
            asyncio.create_task(
                ask("127.0.0.1", port_of(mute), question_to("redis"), within_s=2.0, source=ports)
            )
            for _ in range(3)
        ]
        while len(ports.inodes) < 3:  # noqa: ASYNC110 - far sooner than they give up
            await asyncio.sleep(0)
        open_now = {row.inode for row in tcp_table() if FIRST <= row.local_port <= LAST}
        assert open_now == ports.inodes
        assert len(open_now) == 3
        seen = await asyncio.gather(*asking)
    assert {each.outcome for each in seen} == {"silent"}
    assert {each.client_port for each in seen} == {FIRST, FIRST + 1, LAST}
    assert not ports.inodes


@pytest.mark.parametrize("outcome", ["refused", "connect_timeout"])
async def test_a_canary_that_never_connected_is_removed(ports: CanaryPorts, outcome: str) -> None:
    """No open socket and no inode is left."""
    before = set(os.listdir("/proc/self/fd"))  # other tests' remains may be closed meanwhile
    with listener(0) as full, socket.create_connection(full.getsockname()):
        port = port_of(full)
        if outcome == "refused":
            full.close()
        sighting = await ask("127.0.0.1", port, question_to("redis"), within_s=0.1, source=ports)
    assert sighting.outcome == outcome
    assert not ports.inodes
    assert set(os.listdir("/proc/self/fd")) <= before
