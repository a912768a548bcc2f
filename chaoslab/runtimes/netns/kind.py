"""The entry of the netns runtime in the form that every runtime has: its `RuntimeKind`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial

from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.doctor.machine import Lack, Machine, lacking
from chaoslab.runtimes.kind import RuntimeKind
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.netns import needs
from chaoslab.runtimes.netns.runtime import NetnsRuntime


class NetnsSession:
    """Implements `RuntimeSession`: each lab makes its own namespaces. They share only the data that
    services have after `prepare`.
    """

    touches: tuple[str, ...] = ()

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        self._apps, self._proxy = topology.apps, proxy
        self._kept = KeptData(topology)

    def check(self) -> None:
        """Raise RuntimeUnavailable, with the fix, if no lab with that proxy can run here."""
        if self._proxy != "embedded":
            raise needs.only_embedded()
        needs.check_apps(self._apps.values())
        needs.check()

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A new netns runtime for one lab."""
        return NetnsRuntime(self._apps.values(), self._kept)

    def close(self) -> None:
        """Give up the kept data. Each lab removes its own processes and namespaces."""
        self._kept.close()


def _lacks(machine: Machine) -> Iterator[Lack]:
    used = [part for kind, part in machine.servers.items() if kind in machine.services]
    yield from lacking(*used, machine.sockets, *machine.of_runtimes["netns"])


# What dead labs left is found by the loopback runtime: the marks and folders are the same.
KIND = RuntimeKind(
    open_session=NetnsSession,
    lacks=_lacks,
    looks=lambda topology: {
        "namespaces": needs.namespaces,
        "packet rules": needs.packet_rules,
        "networks of apps": partial(needs.networks_of, topology.apps.values()),
    },
)
