"""Starts the proxy server of a local lab: the embedded engine, or a Toxiproxy on PATH."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from typing import Protocol

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.proxies import embedded
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

READY_WITHIN_S = 10.0
TOXIPROXY_PROGRAM = "toxiproxy-server"
NOT_ON_PATH = ErrorCode(
    "program.not_on_path", "{program} is not on PATH", "A program that the lab needs is missing."
)


class SpawnedServer(Protocol):
    """A server's process, by its lines on stdout."""

    async def readline(self, within_s: float) -> str: ...


async def start(
    kind: ProxyKind,
    *,
    seed: int,
    spawn: Callable[[tuple[str, ...]], Awaitable[SpawnedServer]],
    free_port: Callable[[], Awaitable[int]],
    last_messages: str,
) -> ToxiproxyControl:
    """Start a server as a process of its own and wait until its API answers.

    `last_messages` has the messages by which clients and servers of each protocol say goodbye,
    for the embedded engine. Raises RuntimeUnavailable where `toxiproxy-server` is not on PATH.
    """
    if kind == "toxiproxy":
        return await _start_toxiproxy(spawn, free_port)
    server = await spawn(embedded.command(seed, last_messages))
    ready = json.loads(await server.readline(READY_WITHIN_S))
    host, _, port = str(ready["listening"]).rpartition(":")
    control = EmbeddedControl(host, int(port))
    await control.connect(READY_WITHIN_S)
    return control


def toxiproxy_program() -> str:
    """The path of Toxiproxy's server. Raises RuntimeUnavailable where PATH has none."""
    program = shutil.which(TOXIPROXY_PROGRAM)
    if program is None:
        reason = NOT_ON_PATH(program=TOXIPROXY_PROGRAM)
        fix = "install Toxiproxy 2.x, or remove --chaos-proxy to use the embedded engine"
        raise RuntimeUnavailable(Problem(where="proxy toxiproxy", reason=reason, fix=fix))
    return program


async def _start_toxiproxy(
    spawn: Callable[[tuple[str, ...]], Awaitable[SpawnedServer]],
    free_port: Callable[[], Awaitable[int]],
) -> ToxiproxyControl:
    program = toxiproxy_program()
    port = await free_port()
    await spawn((program, "-host", "127.0.0.1", "-port", str(port)))
    control = ToxiproxyControl("127.0.0.1", port)
    await control.connect(READY_WITHIN_S)
    return control
