"""Lists the TCP sockets of a process tree as the kernel shows them. Called often, so it must be
fast.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Container, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from chaoslab.agent.tcp_table import EVERY, Row, tcp_table
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.ports import HOST, PORT_TAKEN
from chaoslab.network import MakesSockets

SOCKETS_HIDDEN = ErrorCode(
    "sockets.unreadable",
    "cannot list TCP sockets: {cause}",
    "The sockets of this machine or of a process cannot be read: the platform does not show them,"
    " or the lab has no file descriptors or memory left.",
)
# States of a socket that has a peer: a connection that opens, is open, or is half closed.
CONNECTED = frozenset({"SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT"})
_IPV6_SIZE = 16
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSocket:
    """A TCP socket of an app as the kernel shows it; `state` is `SYN_SENT`, `ESTABLISHED`, ….

    The remote port of a listener is 0. `pid` is the process that holds the socket. If they are not
    known, `local_host` and `remote_host` are empty and `pid` is 0.
    """

    state: str
    local_port: int
    remote_port: int
    local_host: str = ""
    remote_host: str = ""
    pid: int = 0


def tree(pid: int) -> tuple[int, ...]:
    """The numbers of a process and all of its descendants, the process itself first."""
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


def sockets_of(pid: int, new_socket: MakesSockets = socket.socket) -> tuple[AppSocket, ...]:
    """Every TCP socket (IPv4, IPv6) that the process or a descendant holds open now.

    Raises RuntimeUnavailable if the platform does not show the sockets.
    """
    if not os.path.isdir("/proc/self/fd"):
        raise _hidden("/proc/self/fd is missing", fix="run the lab on Linux")
    held = {inode: member for member in tree(pid) for inode in socket_inodes(member)}
    if not held:
        return ()
    return tuple(
        AppSocket(
            state=row.state,
            local_port=row.local_port,
            remote_port=row.remote_port,
            local_host=host_of(row.local_address),
            remote_host=host_of(row.remote_address),
            pid=held[row.inode],
        )
        for row in _table(held, new_socket)
    )


def host_of(address: bytes) -> str:
    """An IP address as text; an IPv4 address that is mapped into IPv6 is written as IPv4."""
    if len(address) == _IPV6_SIZE and address.startswith(_MAPPED):
        address = address[len(_MAPPED) :]
    return str(ip_address(address))


def _table(
    wanted: Container[int] = EVERY, new_socket: MakesSockets = socket.socket
) -> tuple[Row, ...]:
    try:
        return tcp_table(wanted, new_socket=new_socket)
    except OSError as error:
        fix = "allow /proc/net/tcp or netlink's sock_diag in this container or sandbox"
        raise _hidden(str(error), fix=fix) from None


def socket_inodes(pid: int) -> Iterator[int]:
    """The inodes of the sockets that a process holds; none if this process may not read them."""
    folder = f"/proc/{pid}/fd"
    with _ignoring_hidden():
        for name in os.listdir(folder):
            with _ignoring_hidden():
                target = os.readlink(f"{folder}/{name}")
                if target.startswith("socket:["):
                    yield int(target[8:-1])


@contextlib.contextmanager
def _ignoring_hidden() -> Iterator[None]:
    """Ignore OSErrors in the `with` block: a process has ended or cannot be read.

    Raises RuntimeUnavailable if this process has no descriptors or memory left: else the app would
    seem to have no sockets.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise _hidden(f"the lab has no resources left: {error.strerror}") from None


def listens(pid: int, port: int) -> bool:
    """Whether process `pid` or one of its descendants listens on the port.

    If this process may not read which sockets `pid` holds, whether a process of its user does. That
    is so for a server of another user if the lab runs as root without the capability SYS_PTRACE, as
    in a Docker container.
    """
    if any(s.state == "LISTEN" and s.local_port == port for s in sockets_of(pid)):
        return True
    if not _is_hidden(pid):
        return False
    user = _user_of(pid)
    rows = (row for row in _table() if row.state == "LISTEN" and row.local_port == port)
    return any(row.uid == user for row in rows)


def _is_hidden(pid: int) -> bool:
    """Whether this process may not read which descriptors a process has."""
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            os.readlink(f"/proc/{pid}/fd/{name}")
    except PermissionError:
        return True
    except OSError:  # it has ended, or has closed that descriptor
        pass
    return False


def _user_of(pid: int) -> int | None:
    """The effective user id of a process; None if it has ended."""
    with contextlib.suppress(OSError, StopIteration), open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("Uid:")).split()[2])
    return None


def holder_of(port: int) -> str:
    """The process that listens on a port, for people: `pid 123 (redis)`, or `another process`."""
    inodes = {row.inode for row in _table() if row.state == "LISTEN" and row.local_port == port}
    for name in os.listdir("/proc"):
        if name.isdigit() and not inodes.isdisjoint(socket_inodes(int(name))):
            with contextlib.suppress(OSError), open(f"/proc/{name}/comm") as file:
                return f"pid {name} ({file.read().strip()})"
    return "another process"


def port_taken(who: str, port: int) -> Problem:
    """The problem to report if `who` needs a port of loopback on which another process listens."""
    reason = PORT_TAKEN(port=port, host=HOST, holder=holder_of(port))
    return Problem(where=who, reason=reason, fix="stop that process, or choose another port")


def _hidden(cause: str, *, fix: str = "") -> RuntimeUnavailable:
    return RuntimeUnavailable(Problem(reason=SOCKETS_HIDDEN(cause=cause), fix=fix))
