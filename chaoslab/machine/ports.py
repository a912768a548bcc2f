"""Finds free ports on loopback. All labs of a machine share them; no port is given to two labs.

Another program may bind a port between the lab's choice and the server's start. Two things make
that unlikely. Ports are below the kernel's ephemeral range, so no outgoing connection and no
`bind(0)` takes one. And a lab claims each port by an abstract Unix socket with the port in its
name: such a name exists once per network namespace, as the port does, and is freed when its owner
dies.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.seeds import fresh_seed, generator

HOST = "127.0.0.1"
NO_FREE_PORT = ErrorCode(
    "port.none_free",
    "no free port on {host} between {lowest} and {highest}",
    "Every port that the lab may give out is in use.",
)
PORT_TAKEN = ErrorCode(
    "port.taken",
    "port {port} of {host} is used by {holder}",
    "Another process listens on a port that the lab needs.",
)
_LOWEST, _HIGHEST = 10_240, 32_767
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def port_range() -> range:
    """The range of ports that labs may use: from 10240 up to the ephemeral range, at most to
    32767.
    """
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_ephemeral = _HIGHEST + 1
    top = min(first_ephemeral, _HIGHEST + 1)
    return range(_LOWEST, top if top - _LOWEST >= 1_000 else _HIGHEST + 1)


def is_free(port: int) -> bool:
    """Whether a server could bind `port` on loopback now."""
    with socket.socket() as probe:
        # As servers do, so that connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return False
    return True


class PortTaken(ServiceFailed):
    """Another process uses a port that the lab needs; another port may be free."""


class Ports:
    """The ports that one lab has claimed; `close` gives all of them back."""

    def __init__(self) -> None:
        self._claims: dict[int, socket.socket | None] = {}
        self._random = generator(fresh_seed(), "ports", os.getpid())

    def take(self) -> int:
        """Claim a port on which nobody listens and that no other lab of this machine has claimed;
        returns it.

        Raises RuntimeUnavailable if there is none.
        """
        ports = port_range()
        first = self._random.randrange(len(ports))
        for step in range(len(ports)):
            port = ports[(first + step) % len(ports)]
            if port not in self._claims and self.claim(port):
                if is_free(port):
                    return port
                self.give_back(port)
        reason = NO_FREE_PORT(host=HOST, lowest=ports.start, highest=ports.stop - 1)
        fix = "stop some of the processes that listen there (see `ss -ltn`)"
        raise RuntimeUnavailable(Problem(reason=reason, fix=fix))

    def give_back(self, port: int) -> None:
        """Give one port back: release the lab's claim on it."""
        claim = self._claims.pop(port, None)
        if claim is not None:
            claim.close()

    def close(self) -> None:
        """Give all ports of this lab back: release the lab's claims on them."""
        for port in tuple(self._claims):
            self.give_back(port)

    def claim(self, port: int) -> bool:
        """Claim a port until it is given back; returns False if another lab has claimed it.

        On a platform without abstract socket names, returns True without a claim.
        """
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0chaoslab-port-{port}")
        except OSError as error:
            claim.close()
            if error.errno == errno.EADDRINUSE:
                return False
            # The platform has no abstract names: ports are checked, but not claimed.
            self._claims[port] = None
            return True
        self._claims[port] = claim
        return True
