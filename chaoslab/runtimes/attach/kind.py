"""The attached runtime in the shape that all runtimes have."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.attach import leftovers, needs
from chaoslab.runtimes.attach.api import ProxyApi
from chaoslab.runtimes.attach.declared import absent, declared
from chaoslab.runtimes.attach.runtime import AttachedRuntime
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.kind import RuntimeKind


class AttachSession:
    """Implements `RuntimeSession`: labs share nothing, and the session starts nothing."""

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        del proxy
        self._topology = topology

    def check(self) -> None:
        """Check that the proxy server answers and has the declared proxies.

        Raises RuntimeUnavailable.
        """
        attach = declared(self._topology)
        with ProxyApi(attach.toxiproxy) as api:
            there = api.proxies()
        if problems := [*absent(attach, there)]:
            raise RuntimeUnavailable(problems)

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """Attach for one lab. Raises RuntimeUnavailable if the topology has no [attach]."""
        return AttachedRuntime(self._topology)

    def close(self) -> None:
        """Nothing to remove."""


KIND = RuntimeKind(
    open_session=AttachSession,
    looks=needs.looks,
    lacks=needs.lacks,
    leftovers=lambda _: leftovers.find(),
)
