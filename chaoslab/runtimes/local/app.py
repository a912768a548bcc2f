"""One boot of an app as a process of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from chaoslab.machine import births
from chaoslab.machine import process as processes
from chaoslab.machine.births import LeftProcess
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.places import cache_folder, server_identity
from chaoslab.machine.ports import HOST
from chaoslab.machine.sockets import AppSocket, sockets_of, tree
from chaoslab.runtimes.local.output import Output


class LocalApp:
    """Implements `RunningApp`."""

    def __init__(
        self,
        *,
        name: str,
        process: subprocess.Popen[bytes],
        port: int,
        output: Output,
        spawned_s: float,
        birthmark: int = 0,
    ) -> None:
        self._name, self._process, self._output = name, process, output
        self._port = port
        self.spawned_s, self.birthmark = spawned_s, birthmark
        self.left_running: tuple[LeftProcess, ...] = ()

    @property
    def name(self) -> str:
        """What the topology calls it."""
        return self._name

    @property
    def pid(self) -> int:
        """Its main process."""
        return self._process.pid

    @property
    def endpoint(self) -> Endpoint:
        """Where it was told to listen."""
        return Endpoint(host=HOST, port=self._port)

    @property
    def listens_on(self) -> int:
        """The same port: it shares the lab's loopback."""
        return self._port

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    async def exited(self) -> int:
        """Wait for its end; returns the exit code."""
        return await processes.wait_for_end(self._process)

    async def wait(self) -> int:
        """Wait for its end and take what it left in its pipe; returns the exit code."""
        code = await self.exited()
        self._output.take_all()
        return code

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the process and its descendants, now; empty once it has ended."""
        return sockets_of(self.pid) if self.exit_code is None else ()

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of this boot's log, secrets masked."""
        return self._output.tail(lines)

    async def terminate(self, grace_s: float = 2.0) -> int:
        """SIGTERM to the app, then SIGKILL to it and all it started; returns the exit code.

        What outlives the app is killed too, a daemon by its birthmark. Its log is closed then:
        the next boot's part follows in the same file.
        """
        family = tree(self.pid) if self.exit_code is None else ()
        if self.exit_code is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
            if not await processes.end_within(self._process, grace_s):
                # A killed app cannot end its children: that they live says nothing of it.
                processes.kill_family(self._process, tree(self.pid))
        code = await processes.wait_for_end(self._process)
        self.left_running += await births.end_rest(self.pid, self.birthmark, family[1:])
        self._output.close()
        return code


def app_environment(machine: Mapping[str, str]) -> dict[str, str]:
    """The machine's environment as an app should meet it: unbuffered, and compiled only once."""
    env = dict(machine, PYTHONUNBUFFERED="1")
    # Each boot would compile every module anew, and start-up would be measured wrong.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    packages = Path(sysconfig.get_path("purelib"))
    if not os.access(packages, os.W_OK) and not any(packages.glob("*/__pycache__")):
        env.setdefault("PYTHONPYCACHEPREFIX", str(cache_folder(server_identity()) / "pycache"))
    return env
