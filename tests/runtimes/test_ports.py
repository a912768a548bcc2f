"""Ports: free, given out once on a machine, and outside the kernel's ephemeral range."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chaoslab.errors import ServiceFailed
from chaoslab.machine import ports
from chaoslab.machine.ports import Ports, is_free, port_range
from chaoslab.runtimes.local import LocalRuntime

from .clients import Client
from .conftest import REDIS

WORKER = """
import sys
from chaoslab.machine.ports import Ports
ports = Ports()
print(*(ports.take() for _ in range(200)), flush=True)
sys.stdin.read()
"""


def test_parallel_workers_never_get_the_same_port() -> None:
    """Four processes hold eight hundred different ports at once, none of them bound yet."""
    command = [sys.executable, "-c", WORKER]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    given: list[str] = []
    for worker in workers:
        assert worker.stdout is not None
        given += worker.stdout.readline().split()
    for worker in workers:
        worker.communicate()
    assert len(given) == 800
    assert len(set(given)) == 800


def test_the_claims_of_a_killed_worker_are_free_at_once() -> None:
    """The process holds a claim; there is no file that must be removed."""
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        given = [int(port) for port in worker.stdout.readline().split()]
        mine = Ports()
        assert not any(mine.claim(port) for port in given)
        worker.kill()
    assert all(mine.claim(port) for port in given)
    mine.close()


def test_ports_lie_below_the_ephemeral_range() -> None:
    """No outgoing connection and no bind(0) of anybody takes one between picking and binding."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    handed = Ports()
    port = handed.take()
    handed.close()
    assert 1024 < port <= 32_767
    if first > 12_000:
        assert port < first


def test_a_wide_ephemeral_range_leaves_ports_to_hand_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some machines let the kernel have everything from 1024 on."""
    setting = tmp_path / "range"
    setting.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", setting)
    assert port_range() == range(10_240, 32_768)
    setting.write_text("20000\t60999\n")
    assert port_range() == range(10_240, 20_000)


def test_a_port_with_a_listener_is_not_free() -> None:
    """On loopback or on every address."""
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.create_server((host, 0)) as server:
            port = server.getsockname()[1]
            assert not is_free(port)
        assert is_free(port)


async def test_a_service_whose_port_was_taken_names_the_process() -> None:
    """Stopped by a fault, it must come back on its port; the message names who sits there."""
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(REDIS)
        await running.stop()
        with (
            socket.create_server(("127.0.0.1", running.endpoint.port)),
            pytest.raises(ServiceFailed, match=r"redis: port \d+ of 127.0.0.1 is used by pid \d+"),
        ):
            await running.start()
        await running.start()
        async with Client(running) as client:
            await client.keep("back")


async def test_a_new_service_takes_another_port_when_its_own_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process may bind the port first; the lab then takes another one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        lost = server.getsockname()[1]
        take = Ports.take
        answers = iter([lost])
        monkeypatch.setattr(Ports, "take", lambda self: next(answers, None) or take(self))
        async with LocalRuntime() as runtime:
            running = await runtime.start_service(REDIS)
            assert running.endpoint.port != lost
            async with Client(running) as client:
                await client.keep("word")
