"""Containers of the lab's own under watch: ended, frozen or stopped by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaoslab.machine.process import is_stopped
from chaoslab.machine.trouble import Trouble, ended_by
from chaoslab.runtimes.containers.engine import in_thread
from chaoslab.runtimes.containers.problems import EngineGone, told

if TYPE_CHECKING:
    from docker.models.containers import Container

LOOK_EVERY_S = 0.5  # a look costs the engine some milliseconds
_LOG_LINES = 15


def engine_gone(error: EngineGone) -> Trouble:
    """The trouble of every container at once."""
    return Trouble(what="the Docker engine stopped answering", ended=True, error=error)


def always() -> bool:
    """It should run for as long as the lab."""
    return True


def how_it_ended(state: Mapping[str, Any]) -> str:
    """The end of a container, by the `State` that the engine shows of it."""
    code = int(state["ExitCode"])
    memory = ", out of memory" if state.get("OOMKilled") else ""
    return f"it ended by {ended_by(128 - code if code > 128 else code)}{memory}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPart:
    """Implements `Part`. `should_run` is False while the lab itself has stopped or frozen it."""

    name: str
    container: Container
    should_run: Callable[[], bool] = always
    look_every_s: float = LOOK_EVERY_S

    async def trouble(self) -> Trouble | None:
        """What the engine says of it, where that is not what the lab has asked for."""
        if not self.should_run():
            return None
        try:
            trouble = await in_thread(self._look)
            if trouble is not None and self.should_run():
                # The lab may have stopped it and started it again while the engine was asked.
                trouble = await in_thread(self._look)
        except EngineGone as error:
            return engine_gone(error)
        return trouble if self.should_run() else None  # the lab may have acted meanwhile

    def _look(self) -> Trouble | None:
        with told(f"container {self.name}"):
            # Not `reload`: whoever acts on the container at this moment reads its own answer.
            inspected = self.container.client.api.inspect_container(self.container.id)
            state: dict[str, Any] = inspected["State"]
        if state["Paused"]:
            return Trouble(what="somebody froze its container (docker pause)")
        if not state["Running"]:
            return Trouble(what=how_it_ended(state), ended=True, log=self._log())
        if self._is_here(int(state["Pid"])) and is_stopped(int(state["Pid"])):
            return Trouble(what="a signal has stopped it (SIGSTOP)")
        return None

    def _is_here(self, pid: int) -> bool:
        """Whether that process of the engine's is the one that this machine shows by its number."""
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                return str(self.container.id) in file.read()
        except OSError:
            return False

    def _log(self) -> tuple[str, ...]:
        with told(f"container {self.name}"):
            said: bytes = self.container.logs(tail=_LOG_LINES)
        return tuple(said.decode(errors="replace").splitlines())
