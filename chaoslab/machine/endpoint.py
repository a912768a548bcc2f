"""The address of a listener: a host and a port, and the network in which it can be reached."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from chaoslab.network import MakesSockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A host and a port.

    `new_socket` makes sockets of the network namespace in which this address is reached; by default
    the lab's own. It is no part of the address: two endpoints may be equal without it.
    """

    host: str
    port: int
    new_socket: MakesSockets = field(default=socket.socket, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
