"""From a runtime's name to a session of it. One place, so that a new runtime has one home."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import assert_never

from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import Runtime, RuntimeKind, RuntimeSession
from chaoslab.runtimes.local import LocalRuntime


class LocalSession:
    """Processes: every lab starts its own, and nothing is shared."""

    def check(self) -> None:
        """Each server says what it lacks when it is started."""

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime of processes."""
        return LocalRuntime()

    def close(self) -> None:
        """There is nothing to take away."""


def open_session(kind: RuntimeKind, topology: Topology, proxy: ProxyKind) -> RuntimeSession:
    """A session of that runtime; nothing is started before its first lab."""
    match kind:
        case "local":
            return LocalSession()
        case "docker":
            from chaoslab.runtimes.containers.session import DockerSession  # noqa: PLC0415

            return DockerSession(topology, proxy)
        case "compose":
            from chaoslab.runtimes.compose.session import ComposeSession  # noqa: PLC0415

            return ComposeSession(topology, proxy)
        case "attach":
            from chaoslab.runtimes.attach import AttachSession  # noqa: PLC0415

            return AttachSession(topology)
    assert_never(kind)
