"""All TCP sockets of this network namespace, by netlink: a tenth of the time that /proc takes.

/proc/net/tcp formats each bucket of a hash table that may have hundreds of thousands, and both
families cost 8 ms on a machine where netlink's dump costs 0.7 ms; and this is read every 20 ms.
Source: the kernel's uapi headers linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_EVERY_STATE = (1 << 13) - 1
_HEADER = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBBI48x")
_ANSWER = struct.Struct("!BBBBHH")
_INODE_AT = 68
_BUFFER = 1 << 18
STATES = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
    7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN_RECV",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One socket: state, ports, and the inode by which a process holds it (0 if none does)."""

    state: str
    local_port: int
    remote_port: int
    inode: int


def tcp_table() -> tuple[Row, ...]:
    """Every TCP socket now, IPv4 and IPv6. Raises OSError where there is no /proc/net/tcp either.

    Where netlink is not to be had (a sandbox may forbid it), /proc is read.
    """
    try:
        return (*_dump(socket.AF_INET), *_dump(socket.AF_INET6))
    except (OSError, AttributeError):
        return proc_table()


def _dump(family: int) -> Iterator[Row]:
    query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, 0, _EVERY_STATE)
    header = _HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(header + query)
        while True:
            data = kernel.recv(_BUFFER)
            at = 0
            while at < len(data):
                length, kind = _HEADER.unpack_from(data, at)[:2]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", data, at + _HEADER.size)[0]
                    raise OSError(number, os.strerror(number))
                yield _row(data, at + _HEADER.size)
                at += (length + 3) & ~3


def _row(data: bytes, at: int) -> Row:
    _, state, _, _, local, remote = _ANSWER.unpack_from(data, at)
    (inode,) = struct.unpack_from("=I", data, at + _INODE_AT)
    return Row(STATES.get(state, str(state)), local, remote, inode)


def proc_table() -> tuple[Row, ...]:
    """The same from /proc; IPv6 is left out where the kernel has none."""
    rows = list(_read("/proc/net/tcp"))
    if os.path.exists("/proc/net/tcp6"):
        rows += _read("/proc/net/tcp6")
    return tuple(rows)


def _read(path: str) -> Iterator[Row]:
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[1:-1]
    for line in lines:
        fields = line.split(None, 10)
        state = int(fields[3], 16)
        yield Row(STATES.get(state, str(state)), _port(fields[1]), _port(fields[2]), int(fields[9]))


def _port(address: bytes) -> int:
    return int(address.rpartition(b":")[2], 16)
