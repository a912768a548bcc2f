"""One boot of an app: a container in the app's pod. The pod keeps its network between boots."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoslab.clock import now_s, wall_time
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket
from chaoslab.machine.usage import Used, used_by
from chaoslab.runtimes.app_log import AppLog
from chaoslab.runtimes.base import Usage
from chaoslab.runtimes.containers.agents import ContainerAgent
from chaoslab.runtimes.containers.engine import HOST, in_thread
from chaoslab.runtimes.containers.problems import engine_errors

if TYPE_CHECKING:
    from docker.models.containers import Container

_LOG_PAUSE_S = 2.0  # a log that does not grow for that long has ended
_LOG_WITHIN_S = 20.0
_NOT_READ = b"\n[chaoslab did not read all that was printed here]\n"
_LAST_LINES = 1000
_FRACTION = re.compile(r"(\.\d{6})\d+")  # the engine has nanoseconds, Python microseconds
_BY_SIGNAL = {128 + number: number for number in (*range(1, 32),)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The network namespace of one app.

    The container of `agent` owns the namespace; the container of every boot joins it. The app
    listens on port `inside`; `named` has its further ports by their names. `published` maps each of
    these ports to the port of loopback on which the engine publishes it.
    """

    app: str
    image: str
    agent: ContainerAgent
    inside: int
    named: Mapping[str, int]
    published: Mapping[int, int]

    def endpoint_of(self, port: str) -> Endpoint:
        """The app's address for the lab, at its port of that name; of `inside` if it is empty."""
        return Endpoint(host=HOST, port=self.published[self.named[port] if port else self.inside])


class ContainerApp:
    """Implements `RunningApp` for a boot in a container.

    Its sockets are read in the pod, its exit code and its log come from the engine.
    """

    left_running = ()  # the kernel ends all processes of a container with its first one

    def __init__(self, *, pod: Pod, container: Container, log: AppLog, asked_s: float) -> None:
        self._pod, self._container, self._log = pod, container, log
        self.killed_after_s: float | None = None
        self._exited: Future[int] = Future()
        self._log_ended: Future[None] = Future()
        self._copying, self._copied = threading.Lock(), False
        with engine_errors(f"the app's container {container.name}"):
            container.reload()
        state = container.attrs["State"]
        self.pid = int(state["Pid"])
        self.spawned_s = _began(state["StartedAt"], asked_s)
        self._copier = threading.Thread(target=self._copy_log, daemon=True)
        self._copier.start()
        threading.Thread(target=self._await_end, daemon=True).start()

    @property
    def container(self) -> Container:
        """The container of this boot."""
        return self._container

    @property
    def endpoint(self) -> Endpoint:
        """The app's published port on loopback. It accepts connects even if the app does not
        listen.
        """
        return self._pod.endpoint_of("")

    def endpoint_of(self, port: str) -> Endpoint:
        """The published port on loopback for the port of that name; `endpoint` if it is empty."""
        return self._pod.endpoint_of(port)

    @property
    def listens_on(self) -> int:
        """The port on which the app should listen in the pod's network namespace."""
        return self._pod.inside

    @property
    def exit_code(self) -> int | None:
        """The exit code from the engine: None while the app runs, negative if a signal ended it."""
        return self._exited.result() if self._exited.done() else None

    async def exited(self) -> int:
        """Wait until the container ends; returns the exit code. Its last log lines may come
        later.
        """
        return await asyncio.shield(asyncio.wrap_future(self._exited))

    async def wait(self) -> int:
        """Wait until the container and its log have ended; returns the exit code."""
        code = await self.exited()
        await asyncio.shield(asyncio.wrap_future(self._log_ended))
        return code

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the pod's namespace without the agent's own; empty after the app has
        ended.
        """
        return self._pod.agent.sockets() if self.exit_code is None else ()

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of this boot's log, secrets masked."""
        return self._log.tail(lines)

    async def usage(self) -> Usage | None:
        """What the container's processes use now: as this machine's kernel shows it, else as the
        engine counts it, without the memory that belongs to files. None after the container has
        ended, or if neither shows it.
        """
        if self.exit_code is not None:
            return None
        used = used_by(self.pid) if self._is_here() else await in_thread(self._counted)
        if used is None:
            return None
        return Usage(
            rss_bytes=used.rss_bytes,
            cpu_s=used.cpu_s,
            log_lines=self._log.lines,
            log_bytes=self._log.taken,
        )

    def _is_here(self) -> bool:
        """Whether `pid` is the container's process on this machine. An engine on another machine,
        or outside the lab's own container, numbers its processes in another way.
        """
        try:
            return str(self._container.id) in Path(f"/proc/{self.pid}/cgroup").read_text()
        except OSError:
            return False

    def _counted(self) -> Used | None:
        import docker  # noqa: PLC0415

        try:
            counted: dict[str, Any] = self._container.stats(stream=False, one_shot=True)
            memory = counted["memory_stats"]["stats"]
            # cgroup v2 calls it anon, cgroup v1 rss.
            rss_bytes = int(memory["anon"] if "anon" in memory else memory["rss"])
            cpu_s = int(counted["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9
        except (docker.errors.DockerException, OSError, KeyError):
            return None  # it has ended, or the engine is too old for a single count
        return Used(rss_bytes=rss_bytes, cpu_s=cpu_s)

    async def terminate(self, grace_s: float = 2.0) -> int:
        """End the app: SIGTERM, then SIGKILL after `grace_s`; returns the exit code.

        The app is process 1 of its container, as on a platform: without a handler for SIGTERM the
        kernel ignores that signal there.
        """
        if self.exit_code is None:
            await in_thread(lambda: self._signal(signal.SIGTERM))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self.exited()
            if self.exit_code is None:
                self.killed_after_s = grace_s
                await in_thread(lambda: self._signal(signal.SIGKILL))
        return await self.wait()

    def _signal(self, number: signal.Signals) -> None:
        import docker  # noqa: PLC0415

        # It may have ended by itself.
        name = self._container.name
        with (
            engine_errors(f"the app's container {name}"),
            contextlib.suppress(docker.errors.APIError),
        ):
            self._container.kill(signal=int(number))

    def _await_end(self) -> None:
        try:
            with engine_errors(f"the app's container {self._container.name}"):
                code = int(self._container.wait()["StatusCode"])
        except Exception as error:
            self._exited.set_exception(error)
            return
        self._exited.set_result(-_BY_SIGNAL[code] if code in _BY_SIGNAL else code)
        self._until_log_ends()
        self._log_ended.set_result(None)

    def _until_log_ends(self) -> None:
        """Wait for the last log lines, which the engine sends after the container's end.

        If the log is too long to be copied in time, only its last lines are added.
        """
        due_s = now_s() + _LOG_WITHIN_S
        before, after = -1, self._log.taken
        while self._copier.is_alive() and after > before and now_s() < due_s:
            self._copier.join(min(_LOG_PAUSE_S, max(0.0, due_s - now_s())))
            before, after = after, self._log.taken
        if self._copier.is_alive():
            self._read_last_lines()

    def _read_last_lines(self) -> None:
        """Add the last lines of the engine's log to this boot's log, if there is no time to
        copy all of it.
        """
        with contextlib.suppress(Exception):
            last = self._container.logs(tail=_LAST_LINES)
            with self._copying:
                self._copied = True
                self._log.write(_NOT_READ + last)

    def _copy_log(self) -> None:
        with contextlib.suppress(Exception):
            for chunk in self._container.logs(stream=True, follow=True):
                with self._copying:
                    if not self._copied:  # else only read on, which ends the stream
                        self._log.write(chunk)


def _began(started_at: str, asked_s: float) -> float:
    """The time on the lab's clock at which the app's process started. `started_at` is that time as
    the engine reports it.

    The result is at least `asked_s`. The time that the engine takes to make a container is not part
    of the app's start-up.
    """
    began = datetime.fromisoformat(_FRACTION.sub(r"\1", started_at.replace("Z", "+00:00")))
    ago_s = (wall_time().astimezone(UTC) - began).total_seconds()
    return min(max(asked_s, now_s() - ago_s), now_s())
