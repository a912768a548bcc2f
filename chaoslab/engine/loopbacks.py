"""One port on both loopbacks: an app that connects to ::1 reaches the same proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

from chaoslab.engine.listener import Address, CannotDrop, ConnectMode, Listener, OnClient
from chaoslab.engine.poller import Poller
from chaoslab.network import MakesSockets

_IPV4, _IPV6 = "127.0.0.1", "::1"


class BothLoopbacks:
    """A listener at 127.0.0.1, and a second one at ::1 of the same port.

    Without IPv6, or if the port is taken at ::1, there is only the first. The connect mode applies
    to both listeners, and the dropped SYNs of both are counted.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poller: Poller,
        address: Address,
        on_client: OnClient,
        new_socket: MakesSockets = socket.socket,
    ) -> None:
        self._on_client = on_client
        first = Listener(loop, poller, address, on_client, new_socket)
        self._listeners = [first]
        if first.address[0] == _IPV4:
            with contextlib.suppress(OSError):
                again = (_IPV6, first.address[1])
                self._listeners.append(Listener(loop, poller, again, on_client, new_socket))

    @property
    def address(self) -> Address:
        """The host and port of the first listener, at 127.0.0.1."""
        return self._listeners[0].address

    @property
    def syn_drops(self) -> int | None:
        """The number of SYNs dropped at both listeners in mode DROPPED; None if unknown."""
        counts = [each.syn_drops for each in self._listeners]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def set_mode(self, mode: ConnectMode) -> list[tuple[socket.socket, Address]]:
        """Change the mode of both listeners. Returns the clients that have connected but were not
        yet accepted.

        If one listener fails, the old mode is in force at both, and the error is raised.
        """
        clients: list[tuple[socket.socket, Address]] = []
        before = self._listeners[0].mode
        try:
            for each in self._listeners:
                clients += each.set_mode(mode)
        except (OSError, CannotDrop):
            for client in (*clients, *self._restore(before)):
                self._on_client(*client)
            raise
        return clients

    def _restore(self, mode: ConnectMode | None) -> Iterator[tuple[socket.socket, Address]]:
        if mode is not None:
            yield from self._listeners[0].set_mode(mode)

    def close(self) -> None:
        """Release the port at both loopbacks."""
        for each in self._listeners:
            each.close()
