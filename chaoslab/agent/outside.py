"""Observes which addresses outside the lab the apps try, at the gateway of their networks.

The gateway refuses every such packet. A packet socket gets a copy of each; a filter in the kernel
leaves out the traffic of the lab itself.
Source: packet(7), the kernel's Documentation/networking/filter.rst, RFC 791, RFC 1035.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from chaoslab.agent.protocol import Json
from chaoslab.clock import now_s

_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_STATISTICS = 263, 6  # linux/socket.h, linux/if_packet.h
_IPV4 = 0x0800
_MOST_BYTES = 512
_MOST_KEPT = 200  # addresses; an app may try any number
_MOST_NAMES = 20
_AT_ONCE = 256
_MOST_AT_THE_END = 1 << 16  # more than the socket's buffer holds, but an app may go on sending
_DNS_PORT = 53
_LABEL_BYTES = 63
_NAME = re.compile(rb"[!-~]{1,253}")
# The protocols in which an attempt can be told from other packets, and how much of it that needs.
_LEAST_BYTES = {socket.IPPROTO_TCP: 14, socket.IPPROTO_UDP: 8}
# 198.18.0.0/15 is the lab's own network; of its packets only questions to DNS are of interest.
_FILTER = (
    (0x20, 0, 0, 16),  # A = destination address
    (0x54, 0, 0, 0xFFFE0000),
    (0x15, 0, 6, 0xC6120000),  # another network: accept
    (0x30, 0, 0, 9),  # A = protocol
    (0x15, 0, 3, socket.IPPROTO_UDP),
    (0xB1, 0, 0, 0),  # X = length of the IP header
    (0x48, 0, 0, 2),  # A = destination port
    (0x15, 1, 0, _DNS_PORT),
    (0x06, 0, 0, 0),  # reject
    (0x06, 0, 0, _MOST_BYTES),  # accept
)


@dataclass(slots=True, kw_only=True)
class Attempts:
    """What one sender tried at one address: how often, when first and last, and for which names.

    `count` is of packets that begin something: a TCP connect, including each retry, or a datagram.
    Times are on the machine's monotonic clock. `names` are those in questions to DNS.
    """

    source: str
    protocol: str
    host: str
    port: int
    count: int = 0
    first_s: float
    last_s: float = 0.0
    names: list[str] = field(default_factory=list)


class OutsideWatch:
    """Counts attempts from the moment it is made. Needs CAP_NET_RAW; raises OSError without it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str, int], Attempts] = {}
        self._uncounted = 0
        program = b"".join(struct.pack("HBBI", *each) for each in _FILTER)
        held = ctypes.create_string_buffer(program)
        described = struct.pack("HP", len(_FILTER), ctypes.addressof(held))
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def seen(self) -> Json:
        """The attempts so far, and how many packets are in none of them: those to addresses beyond
        the first 200, and those that came too fast to be read.
        """
        self._read(_MOST_AT_THE_END)
        lost = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._uncounted += struct.unpack("II", lost)[1]  # the kernel then counts from 0
        attempts = [asdict(each) for each in self._seen.values()]
        return {"attempts": attempts, "uncounted": self._uncounted}

    def _read(self, most: int = _AT_ONCE) -> None:
        for _ in range(most):
            try:
                packet = self._socket.recv(_MOST_BYTES)
            except BlockingIOError:
                return
            self._count(packet)

    def _count(self, packet: bytes) -> None:
        attempt = _attempt(packet)
        if attempt is None:
            return
        key, names = attempt
        if key not in self._seen and len(self._seen) == _MOST_KEPT:
            self._uncounted += 1
            return
        at_s = now_s()
        source, protocol, host, port = key
        one = self._seen.setdefault(
            key,
            Attempts(source=source, protocol=protocol, host=host, port=port, first_s=at_s),
        )
        one.count += 1
        one.last_s = at_s
        one.names += [n for n in names if n not in one.names][: _MOST_NAMES - len(one.names)]


def _attempt(packet: bytes) -> tuple[tuple[str, str, str, int], tuple[str, ...]] | None:
    """The key (source, protocol, host, port) and the DNS names of an IPv4 packet; None if the
    packet begins nothing.
    """
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    header, number = (packet[0] & 0xF) * 4, packet[9]
    body = packet[header:]
    later_fragment = int.from_bytes(packet[6:8]) & 0x1FFF
    if header < 20 or later_fragment or len(body) < _LEAST_BYTES.get(number, _MOST_BYTES + 1):
        return None
    port = int.from_bytes(body[2:4])
    names: tuple[str, ...] = ()
    if number == socket.IPPROTO_TCP:
        protocol = "tcp"
        if body[13] & 0x17 != 0x02:  # of FIN, SYN, RST and ACK, SYN alone
            return None
    else:
        protocol = "udp"
        if port == _DNS_PORT:
            names = tuple(_names(body[8:]))
    source, host = (socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16))
    return (source, protocol, host, port), names


def _names(message: bytes) -> Iterator[str]:
    """The name in the first question of a DNS query; none if it is not complete and printable."""
    if len(message) < 12 or message[2] & 0x80 or not int.from_bytes(message[4:6]):
        return  # an answer, or no question
    labels, at = [], 12
    while at < len(message) and 0 < (length := message[at]) <= _LABEL_BYTES:
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
    name = b".".join(labels)
    if labels and message[at : at + 1] == b"\0" and _NAME.fullmatch(name):
        yield name.decode()
