"""Checks the lab's containers: whether they ended, or were frozen or stopped from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaoslab.machine.process import is_stopped
from chaoslab.machine.trouble import Trouble, ended_by
from chaoslab.runtimes.containers.engine import in_thread, last_log_lines
from chaoslab.runtimes.containers.problems import EngineGone, engine_errors, exited

if TYPE_CHECKING:
    from docker.models.containers import Container

LOOK_EVERY_S = 0.5  # a check costs the engine some milliseconds
_LOG_LINES = 15


def engine_gone(error: EngineGone) -> Trouble:
    """The Trouble of a container whose engine stopped answering with `error`; it ends the run."""
    return Trouble(what="the Docker engine stopped answering", ended=True, error=error)


def always() -> bool:
    """Always True: the `should_run` of a container that should run until the lab ends."""
    return True


def how_it_ended(state: Mapping[str, Any]) -> str:
    """How a container ended, in words, from the engine's `State` of it."""
    code = int(state["ExitCode"])
    memory = ", out of memory" if state.get("OOMKilled") else ""
    return f"it ended by {ended_by(128 - code if code > 128 else code)}{memory}"


def state_of(where: str, container: Container) -> Mapping[str, Any]:
    """The engine's `State` of a container, read now. Blocks.

    Raises ServiceFailed, with the last log lines, if the container has ended.
    """
    with engine_errors(f"container {container.name}"):
        container.reload()
    state: Mapping[str, Any] = container.attrs["State"]
    if state["Status"] in ("exited", "dead"):
        raise exited(
            where,
            exit_code=state["ExitCode"],
            log=last_log_lines(container, _LOG_LINES),
            out_of_memory=bool(state.get("OOMKilled")),
        )
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPart:
    """One of the lab's containers; implements `Part`.

    `should_run` returns False while the lab itself has stopped or frozen the container.
    """

    name: str
    container: Container
    should_run: Callable[[], bool] = always
    look_every_s: float = LOOK_EVERY_S

    async def trouble(self) -> Trouble | None:
        """What the engine reports as wrong with the container; None if nothing is, or if the lab
        stopped or froze it.
        """
        if not self.should_run():
            return None
        try:
            trouble = await in_thread(self._look)
            if trouble is not None and self.should_run():
                # The lab may have stopped and started it while the engine was asked.
                trouble = await in_thread(self._look)
        except EngineGone as error:
            return engine_gone(error)
        return trouble if self.should_run() else None  # the lab may have stopped it meanwhile

    def _look(self) -> Trouble | None:
        with engine_errors(f"container {self.name}"):
            # `reload` would change attributes that another thread may read now.
            inspected = self.container.client.api.inspect_container(self.container.id)
            state: dict[str, Any] = inspected["State"]
        if state["Paused"]:
            return Trouble(what="its container was frozen from outside the lab (docker pause)")
        if not state["Running"]:
            return Trouble(
                what=how_it_ended(state), ended=True, log=last_log_lines(self.container, _LOG_LINES)
            )
        if self._is_here(int(state["Pid"])) and is_stopped(int(state["Pid"])):
            return Trouble(what="a signal has stopped it (SIGSTOP)")
        return None

    def _is_here(self, pid: int) -> bool:
        """Whether the process `pid` of this machine is a process of this container."""
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                return str(self.container.id) in file.read()
        except OSError:
            return False
