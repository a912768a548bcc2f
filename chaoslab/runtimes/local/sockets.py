"""The TCP sockets of a process tree as the kernel shows them; read often, so it stays cheap."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.base import AppSocket

# include/net/tcp_states.h
_STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2",
    "06": "TIME_WAIT", "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN",
    "0B": "CLOSING", "0C": "SYN_RECV",
}  # fmt: skip


def tree(pid: int) -> tuple[int, ...]:
    """The process and all of its descendants, itself first; a process that is gone has none."""
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

    Raises RuntimeUnavailable where there is no /proc/<pid>/net/tcp.
    """
    if not os.path.exists("/proc/self/net/tcp"):
        raise RuntimeUnavailable(
            "this platform does not show a process's sockets: /proc/self/net/tcp is missing\n"
            "  run the lab on Linux"
        )
    inodes = {inode for member in tree(pid) for inode in _socket_inodes(member)}
    if not inodes:
        return ()
    return tuple(
        socket for table in ("tcp", "tcp6") for socket in _table(f"/proc/{pid}/net/{table}", inodes)
    )


def _socket_inodes(pid: int) -> Iterator[bytes]:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(f"{folder}/{name}")
                if target.startswith("socket:["):
                    yield target[8:-1].encode()


def _table(path: str, inodes: set[bytes]) -> Iterator[AppSocket]:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")[1:-1]
    except OSError:  # the process is gone, or the kernel has no IPv6
        return
    for line in lines:
        fields = line.split(None, 10)
        if fields[9] in inodes:
            yield AppSocket(
                state=_STATES.get(fields[3].decode(), fields[3].decode()),
                local_port=int(fields[1].rpartition(b":")[2], 16),
                remote_port=int(fields[2].rpartition(b":")[2], 16),
            )


def listens(pid: int, port: int) -> bool:
    """Whether the process tree itself listens on that port (and not somebody else)."""
    return any(s.state == "LISTEN" and s.local_port == port for s in sockets_of(pid))


def holder_of(port: int) -> str:
    """Who listens on that port, for a message: `pid 123 (redis-server)`, or `another process`."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and _listens_alone(int(name), port):
            with contextlib.suppress(OSError), open(f"/proc/{name}/comm") as file:
                return f"pid {name} ({file.read().strip()})"
    return "another process"


def _listens_alone(pid: int, port: int) -> bool:
    inodes = set(_socket_inodes(pid))
    return bool(inodes) and any(
        socket.state == "LISTEN" and socket.local_port == port
        for table in ("tcp", "tcp6")
        for socket in _table(f"/proc/{pid}/net/{table}", inodes)
    )
