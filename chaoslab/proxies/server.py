"""Starts the proxy server of a local lab: the embedded engine, or a Toxiproxy on PATH."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Protocol

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.proxies import embedded
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

HOST = "127.0.0.1"
READY_WITHIN_S = 10.0
TOXIPROXY_PROGRAM = "toxiproxy-server"
NOT_ON_PATH = ErrorCode(
    "program.not_on_path",
    "{program} is not on PATH",
    "A program that the lab needs is not on PATH.",
)


class SpawnedServer(Protocol):
    """The process of a proxy server that was spawned."""

    def check(self) -> None:
        """Raise ServiceFailed, with the server's last log lines, if the server has ended."""


async def start(
    kind: ProxyKind,
    *,
    port: int,
    seed: int,
    last_messages: str,
    spawn: Callable[[tuple[str, ...]], SpawnedServer],
) -> ToxiproxyControl:
    """Start a proxy server with its API on `port` of loopback, and wait until the API answers.

    Returns the control of the server. `spawn` starts a process with a command. `last_messages` has
    the messages by which clients and servers of each protocol say goodbye, for the embedded engine.
    Raises RuntimeUnavailable if `toxiproxy-server` is not on PATH, ServiceFailed if the server ends
    before it answers, InjectionFailed if it does not answer in time.
    """
    if kind == "embedded":
        command = embedded.command(port, seed=seed, last_messages=last_messages)
        control: ToxiproxyControl = EmbeddedControl(HOST, port)
    else:
        command = (toxiproxy_program(), "-host", HOST, "-port", str(port))
        control = ToxiproxyControl(HOST, port)
    server = spawn(command)
    await control.connect(READY_WITHIN_S, check=server.check)
    return control


def toxiproxy_program() -> str:
    """The path of the program `toxiproxy-server`. Raises RuntimeUnavailable if it is not on
    PATH.
    """
    program = shutil.which(TOXIPROXY_PROGRAM)
    if program is None:
        reason = NOT_ON_PATH(program=TOXIPROXY_PROGRAM)
        fix = "install Toxiproxy 2.x, or remove --chaos-proxy to use the embedded engine"
        raise RuntimeUnavailable(Problem(where="proxy toxiproxy", reason=reason, fix=fix))
    return program
