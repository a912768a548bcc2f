"""An agent in a network namespace of this machine, and the programs that it spawns there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.machine.trouble import Trouble
from chaoslab.network import NoAnswer, exchange
from chaoslab.runtimes.agent import AGENT_SILENT, ANSWER_WITHIN_S, Agent

LOOK_EVERY_S = 0.25
REPORTED_WITHIN_S = 5.0
_MOST_BYTES = 1 << 16


class NamespaceAgent(Agent):
    """An agent that is used through two Unix sockets, for its stdin and its stdout.

    `spawning` is its channel to spawn programs, None if it spawns none.
    """

    def __init__(
        self,
        name: str,
        requests: socket.socket,
        answers: socket.socket,
        spawning: socket.socket | None,
        log: Callable[[], Sequence[str]],
    ) -> None:
        self._answers, self._spawning, self._log = answers, spawning, log
        if spawning is not None:
            spawning.settimeout(ANSWER_WITHIN_S)
        self._exits: dict[int, Future[int]] = {}
        self._exits_turn, self._all_ended = threading.Lock(), False
        super().__init__(name, requests, look_every_s=LOOK_EVERY_S)

    def spawn(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: str, output: int
    ) -> NamespaceChild:
        """Start a program in the agent's namespaces; its output goes to the descriptor `output`.

        Raises OSError if the program cannot be executed, RuntimeUnavailable if the agent does not
        answer.
        """
        assert self._spawning is not None, "this agent spawns no programs"
        what = json.dumps({"command": list(command), "env": dict(env), "cwd": cwd}).encode()
        described = os.memfd_create("chaoslab-spawn")
        try:
            with open(described, "wb", closefd=False) as file:
                file.write(what)
            os.lseek(described, 0, os.SEEK_SET)
            answer, (pidfd,) = exchange(self._spawning, {"spawn": True}, (described, output))
        except NoAnswer as error:
            self._spawning.close()  # a late answer would be taken for that of the next request
            if isinstance(error.__cause__, TimeoutError):
                reason = AGENT_SILENT(agent=self.name, request="spawn")
                raise RuntimeUnavailable(Problem(reason=reason)) from None
            raise self._ended(str(error)) from None
        finally:
            os.close(described)
        return NamespaceChild(pidfd, self._exit_of(int(str(answer["pid"]))), self.name)

    def close(self) -> None:
        if self._spawning is not None:
            self._spawning.close()
        with contextlib.suppress(OSError):
            self._answers.shutdown(socket.SHUT_RDWR)
        super().close()
        self._answers.close()

    def _exit_of(self, inner_pid: int) -> Future[int]:
        """The exit code of a program, by its number inside; it may be known already."""
        with self._exits_turn:
            code = self._exits.setdefault(inner_pid, Future())
            if self._all_ended and not code.done():
                code.set_result(-signal.SIGKILL)
            return code

    def _take(self, message: dict[str, Any]) -> None:
        if "exited" in message:
            self._exit_of(message["exited"]).set_result(message["code"])
        else:
            super()._take(message)

    def _end(self, why: str) -> None:
        super()._end(why)
        # The kernel has killed what ran here: an agent ends only with all its namespaces.
        with self._exits_turn:
            self._all_ended = True
            for each in self._exits.values():
                if not each.done():
                    each.set_result(-signal.SIGKILL)

    def _received(self) -> bytes:
        return self._answers.recv(_MOST_BYTES)

    def _log_tail(self) -> Sequence[str]:
        return self._log()

    def _trouble_of(self, error: RuntimeUnavailable) -> Trouble:
        # The log names the agent that ended first: the others ended with it.
        return replace(super()._trouble_of(error), log=tuple(self._log()))

    def _ended_by(self, why: str) -> tuple[str, RuntimeUnavailable]:
        return why, self._ended(why)


class NamespaceChild:
    """A program in a namespace, with the methods of `subprocess.Popen` that the lab uses.

    `pid` is its number outside the namespace. Signals go through its `pidfd`, so that they never
    reach another process. `agent` names the agent that reports the exit code.
    """

    def __init__(self, pidfd: int, exit_code: Future[int], agent: str) -> None:
        self._pidfd, self._exit, self._agent = pidfd, exit_code, agent
        with open(f"/proc/self/fdinfo/{pidfd}") as file:
            self.pid = next(int(line.split()[1]) for line in file if line.startswith("Pid:"))

    def poll(self) -> int | None:
        """The exit code; None while the program runs; negative if a signal ended it."""
        return self._exit.result() if self._exit.done() else None

    def wait(self) -> int:
        """Wait for the exit code, which the agent reports once the program has ended.

        Raises RuntimeUnavailable if the agent does not report it within `REPORTED_WITHIN_S`.
        """
        try:
            return self._exit.result(REPORTED_WITHIN_S)
        except TimeoutError:
            reason = AGENT_SILENT(agent=self._agent, request="exit")
            raise RuntimeUnavailable(Problem(reason=reason)) from None

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens if the program has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Close the descriptor of the process."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
