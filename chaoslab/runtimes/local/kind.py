"""The entry of the loopback runtime in the form that every runtime has: its `RuntimeKind`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.doctor.machine import Lack, Machine, lacking
from chaoslab.runtimes.kind import RuntimeKind
from chaoslab.runtimes.local import leftovers
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.local.runtime import LocalRuntime


class LocalSession:
    """Implements `RuntimeSession` for local labs: each starts its own processes. They share only
    the data that services have after `prepare`.
    """

    touches: tuple[str, ...] = ()

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        del proxy
        self._kept = KeptData(topology)

    def check(self) -> None:
        """Do nothing: what a server lacks is reported when a lab starts the server."""

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A new loopback runtime for one lab."""
        return LocalRuntime(self._kept)

    def close(self) -> None:
        """Give up the kept data. Each lab removes its own processes."""
        self._kept.close()


def _lacks(machine: Machine) -> Iterator[Lack]:
    used = [part for kind, part in machine.servers.items() if kind in machine.services]
    yield from lacking(*used, machine.sockets)


KIND = RuntimeKind(open_session=LocalSession, lacks=_lacks, leftovers=lambda _: leftovers.find())
