"""Helpers of the agent's tests: a wire between two namespaces, and agents at its ends."""

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
    """Two namespaces, `app` and `proxy`, connected at APP and PROXY; two processes hold them."""

    app: int
    proxy: int


def enter(pid: int) -> list[str]:
    """The beginning of a command that runs in the namespace of that process."""
    return ["nsenter", "-t", str(pid), "-n"]


@contextmanager
def wired() -> Iterator[Wire]:
    """Make a wire. When this process ends, its two holders read the end of a pipe and end too."""
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
    """Put this thread into the namespace; a socket stays in the namespace where it was made."""
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
    """A socket that listens in the proxy's namespace."""
    with inside(wire.proxy):
        return socket.create_server((host, 0))


def port_of(sock: socket.socket) -> int:
    """Its local port."""
    return int(sock.getsockname()[1])


async def dial(wire: Wire, port: int, *, within_s: float = PATIENCE_S) -> socket.socket:
    """A non-blocking connection of the app. Raises TimeoutError."""
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
    """A server in the proxy's namespace that answers each line with a line; returns its port."""

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
    """An agent process: sends requests, and collects the messages that are not answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._asked = 0
        self._answers: dict[object, asyncio.Future[Any]] = {}
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def do(self, verb: str, **given: object) -> Any:
        """The answer to a request; fails if it is an error."""
        answer = await self.answer_to({"do": verb, **given})
        assert "ok" in answer, answer
        return answer["ok"]

    async def answer_to(self, request: dict[str, object]) -> Any:
        """The answer to a request, also if it is an error."""
        self._asked += 1
        self._answers[self._asked] = asyncio.get_running_loop().create_future()
        self.write(json.dumps({"id": self._asked, **request}).encode())
        async with asyncio.timeout(PATIENCE_S):
            return await self._answers[self._asked]

    def write(self, line: bytes) -> None:
        """Write a line unchanged."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    async def next_message(self) -> Any:
        """The next message that is not an answer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.messages.get()

    async def wait_for_sockets(self, *expected: tuple[str, int, int, str]) -> float:
        """Wait until it has sent exactly these sockets; returns the time at which it saw them."""
        while True:
            message = await self.next_message()
            if sorted(map(tuple, message["sockets"])) == sorted(expected):
                return float(message["at_s"])

    async def ends(self) -> int:
        """Its exit code, after its stdin was closed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def stdout_ended(self) -> None:
        """Wait until its stdout has ended."""
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") in self._answers:
                self._answers[message["id"]].set_result(message)
            else:
                self.messages.put_nowait(message)


def agent_in(*prefix: str) -> AbstractAsyncContextManager[AgentProcess]:
    """An agent of this checkout, after its message that it is ready."""
    return agent_by(*prefix, sys.executable, "-m", "chaoslab.agent")


@asynccontextmanager
async def agent_by(*command: str) -> AsyncIterator[AgentProcess]:
    """The agent that a command starts, after its message that it is ready."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    agent = AgentProcess(process)
    try:
        ready = await agent.next_message()
        assert ready["ready"] is True
        assert abs(ready["at_s"] - now_s()) < PATIENCE_S
        yield agent
    finally:
        if process.returncode is None:
            await agent.ends()
        await agent.stdout_ended()
