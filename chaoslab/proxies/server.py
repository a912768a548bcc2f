"""Starts the proxy server of a lab: the embedded engine, or a real Toxiproxy found on PATH."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from typing import Protocol

from chaoslab.errors import RuntimeUnavailable
from chaoslab.proxies import embedded
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

READY_WITHIN_S = 10.0
TOXIPROXY_PROGRAM = "toxiproxy-server"


class SpawnedServer(Protocol):
    """What is needed of a server's process: its lines on stdout."""

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

    `last_messages` are what the embedded engine has to know of the services' protocols.
    Raises RuntimeUnavailable where there is no `toxiproxy-server` on PATH.
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
    """The path of a real Toxiproxy's server. Raises RuntimeUnavailable where PATH has none."""
    program = shutil.which(TOXIPROXY_PROGRAM)
    if program is None:
        raise RuntimeUnavailable(
            f"proxy toxiproxy: {TOXIPROXY_PROGRAM} is not on PATH\n"
            "  install Toxiproxy 2.x, or remove --chaos-proxy to use the embedded engine"
        )
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
