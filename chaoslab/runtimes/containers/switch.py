"""The owner's end of the dead-man's switch for containers (`sweeper.py`): one per session."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.machine.watchdog import MARK_PREFIX
from chaoslab.runtimes.containers import sweeper
from chaoslab.runtimes.containers.address import engine_address

FINISH_S = 30.0
# Those that go on trying after their owner gave up waiting; unreferenced they would be warned of.
_LINGERING: list[subprocess.Popen[bytes]] = []


class Switch:
    """Takes away every container, network and volume of a session: on `finish`, or by itself
    when this process dies in whatever way.

    A thing belongs to the session by its label (`labels.SESSION`). `base_url` is the engine's, as
    docker-py has it; without it the environment says where the engine is.
    Raises RuntimeUnavailable for an engine that is reached in a way that the lab does not speak.
    """

    def __init__(self, session_id: str, base_url: str = "") -> None:
        address = engine_address(base_url)
        self._session_id = session_id
        self._engine = sweeper.Engine(address.url, certificates=address.certificates)
        self.why_left = ""
        machine = environment()
        # Without marks in its environment it is not taken for a part of a lab around this one.
        unmarked = {name: machine[name] for name in machine if not name.startswith(MARK_PREFIX)}
        arguments = [session_id, address.url, address.certificates, str(os.getpid())]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", sweeper.__file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=unmarked,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The switch's own process."""
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeUnavailable if the switch itself is gone: nothing would be covered."""
        if (code := self._process.poll()) is not None:
            raise RuntimeUnavailable(
                f"the lab's dead-man's switch ended with exit status {code}; a killed test would "
                f"leave containers behind\n  expected it to run: {sys.executable} "
                f"-I -S {sweeper.__file__}"
            )

    def finish(self) -> bool:
        """Take everything away now; True once nothing is left. Blocks, at most `FINISH_S` seconds.

        Where it is False, `why_left` says what is left and why, and the switch goes on trying for
        a minute by itself. Safe to repeat.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        if stdin.closed:
            return not self.why_left
        with contextlib.suppress(OSError):
            stdin.write(b"end\n")
        with contextlib.suppress(OSError):
            stdin.close()
        said = self._said(stdout.fileno())
        stdout.close()
        self.why_left = self._understood(said)
        return not self.why_left

    def _understood(self, said: str | None) -> str:
        if said is None or said.startswith("left"):
            _LINGERING.append(self._process)
            return (said or f"left: no answer within {FINISH_S:g} s").removeprefix("left ")
        self._process.wait()
        if said == "gone":
            return ""
        # It was killed: its work is done here.
        return sweeper.take_away(self._engine, self._session_id)

    @staticmethod
    def _said(pipe: int) -> str | None:
        # The first line; empty if there is none, None if nothing comes in time.
        end_s, line = now_s() + FINISH_S, b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, end_s - now_s()))
            if not ready:
                return None
            if not (chunk := os.read(pipe, 4096)):
                break
            line += chunk
        return line.decode(errors="replace").strip()
