"""Local ports for an agent's canaries, so that packet rules can exclude them."""

from __future__ import annotations

import os
import socket
import struct
from collections import deque

from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed

# Below every range of ephemeral ports, so that no connection of the app is taken for a canary, and
# apart from common service ports; a port in use is skipped.
FIRST_PORT, LAST_PORT = 601, 999
# The end of a silent canary may have been dropped with everything else; until the other side
# notices, it answers a new connection from the same port as if it were the old one.
_REST_S = 20.0
_ENDS_WITH_A_RESET = struct.pack("ii", 1, 0)


class CanaryPorts:
    """Ports 601 to 999 in rotation, with possibly half-open ones last.

    `inodes` are the sockets that are open now, to exclude canaries from a table of sockets.
    """

    def __init__(self, first: int = FIRST_PORT, last: int = LAST_PORT) -> None:
        self._ports = deque(range(first, last + 1))
        self._resting: dict[int, float] = {}
        self.inodes: set[int] = set()

    def __len__(self) -> int:
        return len(self._ports)

    def bind(self, sock: socket.socket) -> None:
        """Bind to the next port that is free, and count the socket as a canary until `release`.

        It will end with a reset: to the same address a port could not be used again for a minute.
        Raises InjectionFailed where the ports are all taken or may not be used.
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
        raise InjectionFailed(
            f"no port from {min(self._ports)} to {max(self._ports)} is free for a canary: {error}\n"
            "  run the agent as root in its container, or give it NET_BIND_SERVICE"
        )

    def release(self, sock: socket.socket, *, rest: bool = False) -> None:
        """Close the socket; with `rest`, its port is not used for a while."""
        if rest:
            self._resting[sock.getsockname()[1]] = now_s() + _REST_S
        inode = os.fstat(sock.fileno()).st_ino
        sock.close()
        self.inodes.discard(inode)

    def _in_turn(self) -> list[int]:
        at_s = now_s()
        self._resting = {port: end_s for port, end_s in self._resting.items() if end_s > at_s}
        return sorted(self._ports, key=lambda port: self._resting.get(port, 0.0))
