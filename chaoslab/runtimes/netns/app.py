"""One boot of an app in its pod: a process of this machine with a network of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket, sockets_of
from chaoslab.runtimes.local.app import LocalApp
from chaoslab.runtimes.netns.namespaces import Pod


class NetnsApp(LocalApp):
    """Implements `RunningApp` for a process in the network namespace of `pod`."""

    def __init__(self, *, pod: Pod, **of_boot: Any) -> None:
        super().__init__(**of_boot)
        self._pod = pod

    def endpoint_of(self, port: str) -> Endpoint:
        """An address on the app's own loopback, which the lab reaches with sockets made in the
        pod.
        """
        return replace(super().endpoint_of(port), new_socket=self._pod.sockets)

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the process and its descendants now; empty after the process has
        ended.
        """
        return sockets_of(self.pid, self._pod.sockets) if self.exit_code is None else ()
