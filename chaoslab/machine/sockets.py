"""The TCP sockets of a process tree as the kernel shows them; read often, so it stays cheap."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from chaoslab.agent.tcp_table import EVERY, Row, tcp_table
from chaoslab.errors import RuntimeUnavailable

# States of a socket that has a peer: a connection under way, up, or half closed.
CONNECTED = frozenset({"SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT"})
_IPV6_SIZE = 16
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSocket:
    """A TCP socket of the app, as the kernel shows it: state as in `SYN_SENT`, `ESTABLISHED`,
    `LISTEN`; for a listener the remote port is 0.

    `remote_host` and `pid` (the process that holds it) are empty and 0 where they are not known.
    """

    state: str
    local_port: int
    remote_port: int
    remote_host: str = ""
    pid: int = 0


def tree(pid: int) -> tuple[int, ...]:
    """The process and all of its descendants, itself first; one that is gone has none."""
    found = [pid]
    for parent in found:
        found.extend(_children(parent))
    return tuple(found)


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{pid}/task/{task}/children", "rb") as file,
            ):
                yield from map(int, file.read().split())


def sockets_of(pid: int) -> tuple[AppSocket, ...]:
    """Every TCP socket, of IPv4 and IPv6, that the process or a descendant holds open now.

    Raises RuntimeUnavailable where the platform does not show them.
    """
    if not os.path.isdir("/proc/self/fd"):
        raise RuntimeUnavailable(
            "cannot list a process's sockets: /proc/self/fd is missing\n  run the lab on Linux"
        )
    held = {inode: member for member in tree(pid) for inode in socket_inodes(member)}
    if not held:
        return ()
    return tuple(
        AppSocket(
            state=row.state,
            local_port=row.local_port,
            remote_port=row.remote_port,
            remote_host=host_of(row.remote_address),
            pid=held[row.inode],
        )
        for row in _table(held)
    )


def host_of(address: bytes) -> str:
    """An address as people write it; one of IPv4 that is mapped into IPv6 as what it is."""
    if len(address) == _IPV6_SIZE and address.startswith(_MAPPED):
        address = address[len(_MAPPED) :]
    return str(ip_address(address))


def _table(wanted: Container[int] = EVERY) -> tuple[Row, ...]:
    try:
        return tcp_table(wanted)
    except OSError as error:
        raise RuntimeUnavailable(
            f"cannot list this machine's TCP sockets: {error}\n"
            "  allow /proc/net/tcp or netlink's sock_diag in this container or sandbox"
        ) from None


def socket_inodes(pid: int) -> Iterator[int]:
    """The sockets that a process holds, by their inodes; none of one that may not be looked at."""
    folder = f"/proc/{pid}/fd"
    with _of_others():
        for name in os.listdir(folder):
            with _of_others():
                target = os.readlink(f"{folder}/{name}")
                if target.startswith("socket:["):
                    yield int(target[8:-1])


@contextlib.contextmanager
def _of_others() -> Iterator[None]:
    """Passes over what is gone or hidden; raises where this process has no descriptors left, which
    would look like an app without sockets.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise RuntimeUnavailable(f"the lab cannot read sockets: {error.strerror}") from None


def listens(pid: int, port: int) -> bool:
    """Whether the process tree itself listens on that port (and not somebody else)."""
    return any(s.state == "LISTEN" and s.local_port == port for s in sockets_of(pid))


def holder_of(port: int) -> str:
    """Who listens on that port, for a message: `pid 123 (redis-server)`, or `another process`."""
    inodes = {row.inode for row in _table() if row.state == "LISTEN" and row.local_port == port}
    for name in os.listdir("/proc"):
        if name.isdigit() and not inodes.isdisjoint(socket_inodes(int(name))):
            with contextlib.suppress(OSError), open(f"/proc/{name}/comm") as file:
                return f"pid {name} ({file.read().strip()})"
    return "another process"


def taken(who: str, port: int) -> str:
    """What is said when `who` needs that port and somebody listens there."""
    return (
        f"{who}: port {port} of 127.0.0.1 is used by {holder_of(port)}\n"
        "  stop that process, or choose another port"
    )
