"""What the agent's tests stand on: a wire between two namespaces, and agents at its ends."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from chaoslab.clock import now_s

APP, PROXY = "10.213.7.1", "10.213.7.2"
PATIENCE_S = 10.0  # a container's start, on a machine that is busy with others
_NET = 0x40000000


def _can_lay_wires() -> bool:
    trial = ("unshare", "-n", "ip", "link", "set", "lo", "up")
    try:
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_namespaces = pytest.mark.skipif(
    not _can_lay_wires() or not all(map(shutil.which, ("nsenter", "iptables"))),
    reason="network namespaces with packet rules need root, iproute2, util-linux and iptables",
)


@dataclass(frozen=True, slots=True)
class Wire:
    """Two namespaces, `app` and `proxy`, that see each other at APP and PROXY; pids hold them."""

    app: int
    proxy: int


def enter(pid: int) -> list[str]:
    """The beginning of a command that runs in the namespace of that process."""
    return ["nsenter", "-t", str(pid), "-n"]


@contextmanager
def wired() -> Iterator[Wire]:
    """Lay a wire. Both ends go away with this process, however it ends: the holders read a pipe."""
    with _namespace() as app, _namespace() as proxy:
        mine, theirs = f"cla{app}", f"clb{app}"
        _do(app, "ip", "link", "add", mine, "type", "veth", "peer", "name", theirs)
        _do(app, "ip", "link", "set", theirs, "netns", str(proxy))
        for pid, name, address in ((app, mine, APP), (proxy, theirs, PROXY)):
            _do(pid, "ip", "address", "add", f"{address}/24", "dev", name)
            _do(pid, "ip", "link", "set", name, "up")
            _do(pid, "ip", "link", "set", "lo", "up")
        yield Wire(app, proxy)


def _do(pid: int, *command: str) -> None:
    subprocess.run([*enter(pid), *command], check=True, capture_output=True)


@contextmanager
def _namespace() -> Iterator[int]:
    command = ["unshare", "-n", "sh", "-c", "echo up; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        yield holder.pid


@contextmanager
def inside(pid: int) -> Iterator[None]:
    """This thread stands in that namespace; a socket stays where it was made."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = (os.open(f"/proc/{who}/ns/net", os.O_RDONLY) for who in ("thread-self", pid))
    try:
        assert libc.setns(there, _NET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(home, _NET) == 0
        os.close(home)
        os.close(there)


def listener(wire: Wire, host: str = PROXY) -> socket.socket:
    """A socket that listens where the proxy stands."""
    with inside(wire.proxy):
        return socket.create_server((host, 0))


def port_of(sock: socket.socket) -> int:
    """Its local port."""
    return int(sock.getsockname()[1])


async def dial(wire: Wire, port: int, *, within_s: float = PATIENCE_S) -> socket.socket:
    """A connection of the app's, that does not block. Raises TimeoutError."""
    with inside(wire.app):
        sock = socket.socket()
    sock.setblocking(False)
    try:
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(sock, (PROXY, port))
    except BaseException:
        sock.close()
        raise
    return sock


@asynccontextmanager
async def pongs(wire: Wire) -> AsyncIterator[int]:
    """A server where the proxy stands that answers each line with a line; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readline():
                writer.write(b"+PONG\r\n")
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(answer, sock=listener(wire)) as server:
        yield port_of(server.sockets[0])


class AgentProcess:
    """The other end of an agent: asks, and keeps what it says unasked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._asked = 0
        self._answers: dict[object, asyncio.Future[Any]] = {}
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def do(self, verb: str, **given: object) -> Any:
        """What it answers; fails where that is an error."""
        answer = await self.answer_to({"do": verb, **given})
        assert "ok" in answer, answer
        return answer["ok"]

    async def answer_to(self, request: dict[str, object]) -> Any:
        """Its answer, whatever it is."""
        self._asked += 1
        self._answers[self._asked] = asyncio.get_running_loop().create_future()
        self.write(json.dumps({"id": self._asked, **request}).encode())
        async with asyncio.timeout(PATIENCE_S):
            return await self._answers[self._asked]

    def write(self, line: bytes) -> None:
        """A line as it stands."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    async def hears(self) -> Any:
        """The next thing that it says unasked."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()

    async def sockets_come_to(self, *expected: tuple[str, int, int]) -> float:
        """Wait until it has told of exactly these; when it saw them."""
        while True:
            told = await self.hears()
            if sorted(map(tuple, told["sockets"])) == sorted(expected):
                return float(told["at_s"])

    async def ends(self) -> int:
        """Its exit code, after its stdin has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def heard_all(self) -> None:
        """Wait until its stdout has ended."""
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            if said.get("id") in self._answers:
                self._answers[said["id"]].set_result(said)
            else:
                self.told.put_nowait(said)


def agent_in(*prefix: str) -> AbstractAsyncContextManager[AgentProcess]:
    """An agent of this checkout that has said that it listens."""
    return agent_by(*prefix, sys.executable, "-m", "chaoslab.agent")


@asynccontextmanager
async def agent_by(*command: str) -> AsyncIterator[AgentProcess]:
    """The agent that a command starts, once it has said that it listens."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    agent = AgentProcess(process)
    try:
        ready = await agent.hears()
        assert ready["ready"] is True
        assert abs(ready["at_s"] - now_s()) < PATIENCE_S
        yield agent
    finally:
        if process.returncode is None:
            await agent.ends()
        await agent.heard_all()
