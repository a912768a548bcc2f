"""Docker's own client and containers that it started, for the tests beside this file."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s

TOP = Path(__file__).parents[2]
SETUP = TOP / "docker" / "airgapped"
REFERENCE_IMAGE = "chaoslab-reference:0.1.0"
PATIENCE_S = 30.0  # only a broken image waits so long; a good one takes one or two seconds


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The command's end, with these variables over the environment's."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | env,
        cwd=TOP,
    )


def succeeded(*command: str | Path, **env: str) -> str:
    """What a command that must succeed printed."""
    done = run(*command, **env)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def awaited(what: str, holds: Callable[[], bool]) -> None:
    """Return as soon as `holds`; fail if it does not within PATIENCE_S."""
    deadline_s = now_s() + PATIENCE_S
    while not holds():
        assert now_s() < deadline_s, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    """So many different ports of loopback that are free now."""
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


@dataclass(frozen=True, slots=True)
class Container:
    """A container of one test; it goes away, with its volumes, when the test ends."""

    name: str

    def port(self, inside: int) -> int:
        """Where that port is published on loopback."""
        host, _, port = succeeded("docker", "port", self.name, str(inside)).rpartition(":")
        assert host == "127.0.0.1"
        return int(port)

    def inspect(self, template: str) -> str:
        """One value of what the engine knows of it."""
        return succeeded("docker", "inspect", "-f", template, self.name)

    def answers(self, *command: str) -> bool:
        """Whether the command succeeds inside."""
        return run("docker", "exec", self.name, *command).returncode == 0


Starter = Callable[..., Container]
