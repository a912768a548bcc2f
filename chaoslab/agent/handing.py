"""Hands out sockets of this network namespace, and spawns programs in it, for processes outside.

The other side is `chaoslab.network.exchange`. Each request is one packet of a Unix socket:

{"sockets": [family, type, proto, count]}   →   {} with `count` descriptors
{"spawn": true}, with a file of JSON and the output's descriptor   →   {"pid": n} with a pidfd
either   →   {"errno": n, "error": "…", "file": "…"}
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable
from typing import cast

from chaoslab.agent.protocol import Json
from chaoslab.network import MOST_AT_ONCE

_MOST_BYTES = 4096


class Handing:
    """Serves the channels of one agent. `send` reports to the lab that a spawned program ended."""

    def __init__(self, send: Callable[[Json], Awaitable[None]]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, channel: socket.socket) -> None:
        """Answer every request of that channel until its other side is closed."""
        channel.setblocking(False)
        self._loop.add_reader(channel, self._answer, channel)

    def _answer(self, channel: socket.socket) -> None:
        try:
            data, handed, _, _ = socket.recv_fds(channel, _MOST_BYTES, MOST_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data, handed = b"", []
        if not data:
            self._loop.remove_reader(channel)
            channel.close()
            return
        made: list[int] = []
        try:
            answer = self._done(json.loads(data), handed, made)
        except OSError as error:
            answer = {"errno": error.errno, "error": error.strerror, "file": error.filename}
        try:
            socket.send_fds(channel, [json.dumps(answer).encode()], made)
        finally:
            for each in (*made, *handed):
                os.close(each)

    def _done(self, request: Json, handed: list[int], made: list[int]) -> Json:
        if "sockets" in request:
            family, type_, proto, count = cast("list[int]", request["sockets"])
            made += [
                socket.socket(family, type_, proto).detach()
                for _ in range(min(count, MOST_AT_ONCE))
            ]
            return {}
        return self._spawned(handed, made)

    def _spawned(self, handed: list[int], made: list[int]) -> Json:
        with open(handed[0], "rb", closefd=False) as file:
            what = json.load(file)
        process = subprocess.Popen(
            what["command"],
            stdin=subprocess.DEVNULL,
            stdout=handed[1],
            stderr=handed[1],
            env=what["env"],
            cwd=what["cwd"],
            start_new_session=True,
        )
        pidfd = os.pidfd_open(process.pid)
        made.append(os.dup(pidfd))
        self._loop.add_reader(pidfd, self._ended, pidfd, process)
        return {"pid": process.pid}

    def _ended(self, pidfd: int, process: subprocess.Popen[bytes]) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        message = {"exited": process.pid, "code": process.wait()}
        task = asyncio.ensure_future(self._send_exit(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_exit(self, message: Json) -> None:
        await self._send(message)
