"""Local ports for an agent's canaries, so that packet rules can exclude them."""

from __future__ import annotations

import os
import socket
import struct
from collections import deque

from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, InjectionFailed, Problem

NO_PORT = ErrorCode(
    "canary.no_port",
    "no port from {first} to {last} is free for a canary: {cause}",
    "An agent needs local ports below 1024 for its canaries, and could bind none.",
)

# Below every range of ephemeral ports, so that a connection of the app is never taken for a canary,
# and without common service ports. A port in use is skipped.
FIRST_PORT, LAST_PORT = 601, 999
# After a silent canary the server may not know that the connection has ended. Until it does, it
# takes a new connection from the same port for the old one. So the port is not used for this time.
_REST_S = 20.0
_ENDS_WITH_A_RESET = struct.pack("ii", 1, 0)


class CanaryPorts:
    """Gives canaries the local ports 601 to 999 in rotation.

    A port whose last connection may still be half open is used last. `inodes` has the inodes of the
    open canary sockets, so that they can be excluded from a table of sockets.
    """

    def __init__(self, first: int = FIRST_PORT, last: int = LAST_PORT) -> None:
        self._ports = deque(range(first, last + 1))
        self._resting: dict[int, float] = {}
        self.inodes: set[int] = set()

    def __len__(self) -> int:
        return len(self._ports)

    def bind(self, sock: socket.socket) -> None:
        """Bind the socket to the next free port. The socket is in `inodes` until `release`.

        The socket will be closed with a reset, because after a FIN the port could not be used again
        for the same address for a minute. Raises InjectionFailed if no port can be bound.
        """
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ENDS_WITH_A_RESET)
        error: OSError | None = None
        for port in self._in_turn():
            try:
                sock.bind(("", port))
            except OSError as why:
                error = why
                continue
            self._ports.remove(port)
            self._ports.append(port)
            self.inodes.add(os.fstat(sock.fileno()).st_ino)
            return
        reason = NO_PORT(first=min(self._ports), last=max(self._ports), cause=str(error))
        fix = "run the agent as root in its container, or give it NET_BIND_SERVICE"
        raise InjectionFailed(Problem(reason=reason, fix=fix))

    def release(self, sock: socket.socket, *, rest: bool = False) -> None:
        """Close the socket. With `rest`, its port is used last for the next 20 s."""
        if rest:
            self._resting[sock.getsockname()[1]] = now_s() + _REST_S
        inode = os.fstat(sock.fileno()).st_ino
        sock.close()
        self.inodes.discard(inode)

    def _in_turn(self) -> list[int]:
        at_s = now_s()
        self._resting = {port: end_s for port, end_s in self._resting.items() if end_s > at_s}
        return sorted(self._ports, key=lambda port: self._resting.get(port, 0.0))
