"""The lab's side of an agent in a container: its stream is the container's attached stdin and
stdout.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chaoslab.clock import now_s
from chaoslab.errors import ChaoslabError, RuntimeUnavailable
from chaoslab.machine.trouble import Trouble
from chaoslab.runtimes.agent import Agent
from chaoslab.runtimes.containers.engine import last_log_lines
from chaoslab.runtimes.containers.parts import LOOK_EVERY_S, engine_gone, how_it_ended
from chaoslab.runtimes.containers.problems import EngineGone, engine_errors

if TYPE_CHECKING:
    from docker.models.containers import Container

_FRAME = struct.Struct(">BxxxL")  # stream, length: the engine's multiplexed stream
_STDOUT = 1
_LOG_LINES = 8
_ENDS_WITHIN_S = 1.0
_POLL_S = 0.05


class ContainerAgent(Agent):
    """An agent in a container, used through its attached stream."""

    def __init__(self, container: Container) -> None:
        self._container = container
        name = f"the agent {container.name}"
        with engine_errors(name):
            options = {"stdin": 1, "stdout": 1, "stream": 1}
            self._attached = container.attach_socket(params=options)
        # docker-py wraps the socket of a Unix domain in a file that cannot write.
        stream = getattr(self._attached, "_sock", self._attached)
        super().__init__(name, stream, look_every_s=LOOK_EVERY_S)

    @property
    def container(self) -> Container:
        """The agent's container, which owns or shares the network namespace."""
        return self._container

    def close(self) -> None:
        super().close()
        self._attached.close()

    def _log_tail(self) -> Sequence[str]:
        return last_log_lines(self._container, _LOG_LINES)

    def _state(self) -> dict[str, Any]:
        """The state of the agent's container, as the engine reports it."""
        with engine_errors(self.name):
            inspect = self._container.client.api.inspect_container
            state: dict[str, Any] = inspect(self._container.id)["State"]
            return state

    def _received(self) -> bytes:
        while (header := self._exactly(_FRAME.size)) is not None:
            stream, length = _FRAME.unpack(header)
            payload = self._exactly(length)
            if payload is None:
                return b""
            if stream == _STDOUT and payload:
                return payload
        return b""

    def _exactly(self, length: int) -> bytes | None:
        data = b""
        while len(data) < length:
            if not (chunk := self._socket.recv(length - len(data))):
                return None
            data += chunk
        return data

    def _trouble_of(self, error: RuntimeUnavailable) -> Trouble:
        return engine_gone(error) if isinstance(error, EngineGone) else super()._trouble_of(error)

    def _ended_by(self, why: str) -> tuple[str, RuntimeUnavailable]:
        """The reason is the engine's own, if the engine still answers, else `why`."""
        try:
            state = self._state()
            end_s = now_s() + _ENDS_WITHIN_S
            # An agent ends with its stream. If it runs still, the engine may be about to end.
            while state["Running"] and now_s() < end_s:
                time.sleep(_POLL_S)
                state = self._state()
            why = why if state["Running"] else how_it_ended(state)
        except EngineGone as error:
            return why, error
        except ChaoslabError as error:  # such as a container that was removed
            why = str(error).partition("\n")[0]
        return why, self._ended(why)
