"""Free ports on loopback that are handed out once, whoever asks.

A port that is picked and only later bound can be lost to anybody in between. Two things make that
unlikely: ports come from below the kernel's ephemeral range, so no outgoing connection and no
`bind(0)` of any program takes one; and each is claimed by an abstract Unix socket named after it,
which exists once per network namespace, exactly as the port does, and goes when its owner dies.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.seeds import fresh_seed, generator

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 10_240, 32_767
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def port_range() -> range:
    """The ports that are handed out: from 10240 up to the ephemeral range, or up to 32767."""
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_ephemeral = _HIGHEST + 1
    top = min(first_ephemeral, _HIGHEST + 1)
    return range(_LOWEST, top if top - _LOWEST >= 1_000 else _HIGHEST + 1)


def is_free(port: int) -> bool:
    """Whether a server could bind that port of loopback now."""
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


class Ports:
    """The ports of one lab; `close` gives all of them back."""

    def __init__(self) -> None:
        self._claims: dict[int, socket.socket | None] = {}
        self._random = generator(fresh_seed(), "ports", os.getpid())

    def take(self) -> int:
        """A port that nobody listens on and no other lab of this machine was given.

        Raises RuntimeUnavailable if there is none left.
        """
        ports = port_range()
        first = self._random.randrange(len(ports))
        for step in range(len(ports)):
            port = ports[(first + step) % len(ports)]
            if port not in self._claims and self.claim(port):
                if is_free(port):
                    return port
                self.give_back(port)
        raise RuntimeUnavailable(
            f"no free port on {HOST} between {ports.start} and {ports.stop - 1}\n"
            "  stop some of the processes that listen there (see `ss -ltn`)"
        )

    def give_back(self, port: int) -> None:
        """Let others have the port again."""
        claim = self._claims.pop(port, None)
        if claim is not None:
            claim.close()

    def close(self) -> None:
        """Give every port back."""
        for port in tuple(self._claims):
            self.give_back(port)

    def claim(self, port: int) -> bool:
        """Whether nobody else had claimed that port; it is then ours until it is given back."""
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0chaoslab-port-{port}")
        except OSError as error:
            claim.close()
            if error.errno == errno.EADDRINUSE:
                return False
            # No abstract names on this platform: the ports are then checked, but not claimed.
            self._claims[port] = None
            return True
        self._claims[port] = claim
        return True
