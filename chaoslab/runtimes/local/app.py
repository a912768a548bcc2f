"""One boot of an app as a process of this machine."""

from __future__ import annotations

import os
import signal
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from chaoslab.machine import births
from chaoslab.machine import process as processes
from chaoslab.machine.births import LeftProcess
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.places import cache_folder, server_identity
from chaoslab.machine.ports import HOST
from chaoslab.machine.process import Child
from chaoslab.machine.sockets import AppSocket, sockets_of, tree
from chaoslab.machine.usage import used_by
from chaoslab.runtimes.base import Usage
from chaoslab.runtimes.local.output import Output


class LocalApp:
    """Implements `RunningApp` for a process of this machine."""

    def __init__(
        self,
        *,
        name: str,
        process: Child,
        port: int,
        output: Output,
        spawned_s: float,
        birthmark: int = 0,
        ports: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._name, self._process, self._output = name, process, output
        self._port, self._ports = port, ports
        self.spawned_s, self.birthmark = spawned_s, birthmark
        self.left_running: tuple[LeftProcess, ...] = ()
        self.killed_after_s: float | None = None

    @property
    def name(self) -> str:
        """The app's name in the topology."""
        return self._name

    @property
    def pid(self) -> int:
        """The number of the app's main process."""
        return self._process.pid

    @property
    def endpoint(self) -> Endpoint:
        """The address on loopback on which the app should listen."""
        return self.endpoint_of("")

    def endpoint_of(self, port: str) -> Endpoint:
        """The address on loopback of the port of that name; `endpoint` if the name is empty."""
        return Endpoint(host=HOST, port=self._ports[port] if port else self._port)

    @property
    def listens_on(self) -> int:
        """The port of `endpoint`: the app shares the lab's loopback."""
        return self._port

    @property
    def exit_code(self) -> int | None:
        """The exit code of the app's process: None while it runs, negative if a signal ended it."""
        return self._process.poll()

    async def exited(self) -> int:
        """Wait until the app's process ends; returns the exit code."""
        return await processes.wait_for_end(self._process)

    async def wait(self) -> int:
        """Wait until the app's process ends, and read the rest of its output; returns the exit
        code.
        """
        code = await self.exited()
        self._output.read_rest()
        return code

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the process and its descendants now; empty after the process has
        ended.
        """
        return sockets_of(self.pid) if self.exit_code is None else ()

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of this boot's log, secrets masked."""
        return self._output.tail(lines)

    async def usage(self) -> Usage | None:
        """What the process and its descendants use now; None after the process has ended."""
        used = used_by(self.pid) if self.exit_code is None else None
        if used is None:
            return None
        log = self._output.log
        return Usage(
            rss_bytes=used.rss_bytes,
            cpu_s=used.cpu_s,
            log_lines=log.lines,
            log_bytes=log.taken,
        )

    async def terminate(self, grace_s: float = 2.0) -> int:
        """End the app: SIGTERM; after `grace_s` seconds, SIGKILL for the app and its descendants.

        Returns the exit code. Processes that outlive the app are killed too; daemons are found by
        their birthmark. Then the log is closed; the next boot appends to the same file.
        """
        family = tree(self.pid) if self.exit_code is None else ()
        if self.exit_code is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
            if not await processes.end_within(self._process, grace_s):
                self.killed_after_s = grace_s
                # A killed app cannot end its children, so they are not `left_running`.
                processes.kill_family(self._process, tree(self.pid))
        code = await processes.wait_for_end(self._process)
        self.left_running += await births.end_rest(self.pid, self.birthmark, family[1:])
        self._output.close()
        return code


def app_environment(machine: Mapping[str, str]) -> dict[str, str]:
    """The environment variables `machine`, changed for an app.

    Python's output is unbuffered and its bytecode is cached.
    """
    env = dict(machine, PYTHONUNBUFFERED="1")
    # Without cached bytecode each boot would compile every module, which adds to its start-up time.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    packages = Path(sysconfig.get_path("purelib"))
    if not os.access(packages, os.W_OK) and not any(packages.glob("*/__pycache__")):
        env.setdefault("PYTHONPYCACHEPREFIX", str(cache_folder(server_identity()) / "pycache"))
    return env
