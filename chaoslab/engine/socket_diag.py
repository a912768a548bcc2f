"""Reads the accept queue and the dropped SYNs of a listening socket from the kernel."""

from __future__ import annotations

import socket
import struct

from chaoslab.network import MakesSockets

_TCP_ESTABLISHED = 1
_TCP_LISTEN_BIT = 1 << 10
# struct tcp_info: the first byte is the state. For a listener, tcpi_unacked is the queue's length.
_TCP_INFO_UNACKED = 24
_TCP_INFO_SIZE = 104

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_INET_DIAG_SKMEMINFO = 7
_SK_MEMINFO_DROPS = 8
_NO_COOKIE = 0xFFFFFFFF
_NLMSG_HEADER = 16
_DIAG_MSG = 72
_ANSWER_TIMEOUT_S = 0.5


def established(sock: socket.socket) -> bool:
    """Whether this socket's handshake is complete."""
    return _tcp_info(sock)[0] == _TCP_ESTABLISHED


def accept_queue(listener: socket.socket) -> int:
    """The number of connections in the accept queue of a listening socket."""
    (waiting,) = struct.unpack_from("=I", _tcp_info(listener), _TCP_INFO_UNACKED)
    return int(waiting)


def _tcp_info(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)


def syn_drops(listener: socket.socket, new_socket: MakesSockets = socket.socket) -> int | None:
    """The kernel's count of packets dropped at this listening socket; None if unknown.

    Each retry of a SYN counts. `new_socket` makes sockets of the listener's network namespace.
    Source: SK_MEMINFO_DROPS of sock_diag, shown as `d` by `ss -ltm`.
    """
    try:
        with new_socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(_ANSWER_TIMEOUT_S)
            netlink.send(_question(listener))
            return _read_drops(netlink.recv(8192))
    except (OSError, AttributeError, struct.error):
        return None


def _question(listener: socket.socket) -> bytes:
    host, port = listener.getsockname()[:2]
    address = socket.inet_pton(listener.family, host.partition("%")[0])
    request = struct.pack(
        "=BBBxI",
        listener.family,
        socket.IPPROTO_TCP,
        1 << (_INET_DIAG_SKMEMINFO - 1),
        _TCP_LISTEN_BIT,
    )
    identity = struct.pack("!HH16s16s", port, 0, address, b"") + struct.pack(
        "=III", 0, _NO_COOKIE, _NO_COOKIE
    )
    size = _NLMSG_HEADER + len(request) + len(identity)
    header = struct.pack("=IHHII", size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    return header + request + identity


def _read_drops(answer: bytes) -> int | None:
    size, kind = struct.unpack_from("=IH", answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    at = _NLMSG_HEADER + _DIAG_MSG
    while at + 4 <= size:
        length, attribute = struct.unpack_from("=HH", answer, at)
        if attribute == _INET_DIAG_SKMEMINFO:
            (drops,) = struct.unpack_from("=I", answer, at + 4 + 4 * _SK_MEMINFO_DROPS)
            return int(drops)
        at += max(4, (length + 3) & ~3)
    return None
