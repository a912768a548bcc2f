"""The entry of the attached runtime in the form that every runtime has: its `RuntimeKind`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.attach import leftovers, needs
from chaoslab.runtimes.attach.api import ProxyApi
from chaoslab.runtimes.attach.consent import touched
from chaoslab.runtimes.attach.declared import absent, declared, permitted
from chaoslab.runtimes.attach.runtime import AttachedRuntime
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.kind import RuntimeKind


class AttachSession:
    """Implements `RuntimeSession` for attached labs: they share no parts, and nothing is
    started.
    """

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        del proxy
        self._topology = topology

    def check(self) -> None:
        """Check that the user has consented to every host that needs it, and that the proxy server
        answers and has the declared proxies.

        Raises RuntimeUnavailable if not. A host without consent is not asked anything.
        """
        attach = permitted(self._topology)
        with ProxyApi(attach.toxiproxy) as api:
            there = api.proxies()
        if problems := [*absent(attach, there)]:
            raise RuntimeUnavailable(problems)

    @property
    def touches(self) -> tuple[str, ...]:
        """What the labs change, ask and read, one line for each address."""
        return tuple(touched(declared(self._topology), self._topology))

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime for one lab; it attaches on entry. Raises RuntimeUnavailable if the topology
        has no [attach].
        """
        return AttachedRuntime(self._topology)

    def close(self) -> None:
        """Do nothing: the session made nothing that must be removed."""


KIND = RuntimeKind(
    open_session=AttachSession,
    looks=needs.looks,
    lacks=needs.lacks,
    leftovers=lambda _: leftovers.find(),
)
