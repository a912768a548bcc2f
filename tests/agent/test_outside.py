"""What the gateway's agent reads out of packets: any app may have written them."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chaoslab.agent import outside
from chaoslab.agent.outside import OutsideWatch, _attempt, _names

FROM, TO = "198.18.1.1", "203.0.113.7"
SYN, ACK, RST, FIN, PSH, ECE = 0x02, 0x10, 0x04, 0x01, 0x08, 0x40
TCP, UDP, ICMP = socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP
Key = tuple[str, str, str, int]


def packet(protocol: int, body: bytes, *, fragment: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 packet of an app with that content."""
    first = 0x40 | (20 + len(options)) // 4
    length = 20 + len(options) + len(body)
    head = struct.pack("!BBHHHBBH", first, 0, length, 0, fragment, 64, protocol, 0)
    return head + socket.inet_aton(FROM) + socket.inet_aton(TO) + options + body


def segment(flags: int, port: int = 443) -> bytes:
    """The header of a TCP segment."""
    return struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, flags, 65535, 0, 0)


def datagram(port: int, payload: bytes = b"") -> bytes:
    """A UDP datagram."""
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def query(*labels: bytes, end: bytes = b"\0", flags: int = 0x0100, questions: int = 1) -> bytes:
    """A message to a DNS server that asks for the address of a name."""
    name = b"".join(bytes([len(label)]) + label for label in labels) + end
    return struct.pack("!HHHHHH", 7, flags, questions, 0, 0, 0) + name + b"\0\x01\0\x01"


def names(message: bytes) -> list[str]:
    return list(_names(message))


@pytest.mark.parametrize(
    ("flags", "counts"),
    [
        (SYN, True),
        (SYN | ECE, True),
        (SYN | ACK, False),
        (ACK, False),
        (ACK | PSH, False),
        (RST, False),
        (SYN | RST, False),
        (SYN | FIN, False),
        (0, False),
    ],
)
def test_of_tcp_only_the_packet_that_opens_a_connection_counts(flags: int, counts: bool) -> None:
    """A connection is one attempt, not one for each of its packets."""
    found = _attempt(packet(TCP, segment(flags)))
    assert found == (((FROM, "tcp", TO, 443), ()) if counts else None)


def test_a_datagram_counts_whatever_it_holds() -> None:
    """Also an empty one, and one behind options of IP."""
    expected = ((FROM, "udp", TO, 8125), ())
    assert _attempt(packet(UDP, datagram(8125))) == expected
    assert _attempt(packet(UDP, datagram(8125, b"x"), options=bytes(8))) == expected


@pytest.mark.parametrize("protocol", [ICMP, 0, 2, 47, 132, 255])
def test_other_protocols_do_not_count(protocol: int) -> None:
    """They have no ports: a ping is no attempt to use a service."""
    assert _attempt(packet(protocol, segment(SYN))) is None


def test_of_a_packet_in_fragments_only_the_first_counts() -> None:
    """Only that one has the header of the protocol."""
    more_follow = 0x2000
    assert _attempt(packet(UDP, datagram(8125), fragment=more_follow)) is not None
    assert _attempt(packet(UDP, datagram(8125), fragment=more_follow | 1)) is None
    assert _attempt(packet(UDP, datagram(8125), fragment=185)) is None


@pytest.mark.parametrize(("protocol", "least"), [(TCP, 34), (UDP, 28)])
def test_a_truncated_packet_counts_if_its_port_and_flags_are_there(
    protocol: int, least: int
) -> None:
    """The kernel hands out at most the first 512 bytes."""
    full = packet(protocol, segment(SYN))
    assert [_attempt(full[:end]) is not None for end in range(len(full) + 1)] == [
        end >= least for end in range(len(full) + 1)
    ]


@pytest.mark.parametrize("first", [0x40, 0x44, 0x65, 0x05])
def test_a_packet_whose_header_is_too_short_or_not_ipv4_is_left_out(first: int) -> None:
    """Root can send such a one; its ports would be read at the wrong place."""
    assert _attempt(bytes([first]) + packet(UDP, datagram(8125))[1:]) is None


def test_the_name_in_a_question_to_dns_is_read() -> None:
    """Only in packets to port 53."""
    asked = query(b"api", b"example", b"com")
    assert names(asked) == ["api.example.com"]
    assert _attempt(packet(UDP, datagram(53, asked))) == (
        (FROM, "udp", TO, 53), ("api.example.com",)
    )  # fmt: skip
    assert _attempt(packet(UDP, datagram(5353, asked))) == ((FROM, "udp", TO, 5353), ())


@pytest.mark.parametrize(
    "message",
    [
        b"",
        query(b"api")[:11],
        query(b"api")[:12],
        query(b"api", b"example")[:18],  # inside a label
        query(b"api", end=b"\xc0\x0c"),  # a pointer to the name itself
        query(end=b"\xc0\x0c"),
        query(),  # the root
        query(b"api", end=b"\x40" + bytes(64)),  # a label of 64 bytes
        query(b"api", flags=0x8180),  # an answer
        query(b"api", questions=0),
    ],
)
def test_a_name_that_is_not_complete_is_no_name(message: bytes) -> None:
    """Half of a name would be another one."""
    assert names(message) == []


@pytest.mark.parametrize(
    "label", [b"\x1b[2J", b"a\nb", b"a b", b"\0", b"\x7f", b"\xff", "é".encode(), b"a\rb"]
)
def test_a_name_with_control_characters_is_no_name(label: bytes) -> None:
    """It would steer a terminal that shows the history, or begin a line of its own there."""
    assert names(query(label, b"example")) == []


def test_a_name_has_at_most_253_characters() -> None:
    """Dots included, as DNS has it."""
    longest = [b"a" * 63] * 3 + [b"a" * 61]
    assert [len(name) for name in names(query(*longest))] == [253]
    assert names(query(*longest[:3], b"a" * 62)) == []
    assert names(query(*[b"a"] * 127)) == [".".join("a" * 127)]
    assert names(query(*[b"a"] * 128)) == []


@given(st.binary(max_size=600))
@example(b"\x4f" + bytes(59))
@example(packet(UDP, datagram(53, query(b"a" * 63, end=b"\xff"))))
def test_whatever_an_app_sends_is_read_without_an_error(data: bytes) -> None:
    """A name that is found can be shown as it is."""
    for each in (data, packet(TCP, data), packet(UDP, data), packet(UDP, datagram(53, data))):
        found = _attempt(each)
        assert found is None or all(name.isascii() and name.isprintable() for name in found[1])


class Given:
    """In place of the packet socket: gives these packets, then none."""

    def __init__(self, *packets: bytes, dropped: int = 0) -> None:
        self._packets, self._dropped = [*packets], dropped

    def recv(self, most: int) -> bytes:
        if not self._packets:
            raise BlockingIOError
        return self._packets.pop(0)[:most]

    def getsockopt(self, *_: int) -> bytes:
        dropped, self._dropped = self._dropped, 0
        return struct.pack("II", 99, dropped)


def watch(*packets: bytes, dropped: int = 0) -> OutsideWatch:
    """A watch whose socket gives these packets."""
    made = object.__new__(OutsideWatch)
    made._seen, made._uncounted = {}, 0
    made._socket = Given(*packets, dropped=dropped)  # type: ignore[assignment]
    return made


def test_attempts_at_one_address_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the moments of the first and the last, and each name once."""
    moments = iter((1.0, 2.0, 3.0, 4.0))
    monkeypatch.setattr(outside, "now_s", lambda: next(moments))
    asks = [packet(UDP, datagram(53, query(name))) for name in (b"a", b"b", b"a")]
    seen = watch(*asks, packet(TCP, segment(SYN))).seen()
    assert seen["uncounted"] == 0
    udp, tcp = seen["attempts"]
    assert (udp["count"], udp["first_s"], udp["last_s"]) == (3, 1.0, 3.0)
    assert (udp["names"], udp["source"], udp["host"], udp["port"]) == (["a", "b"], FROM, TO, 53)
    assert (tcp["count"], tcp["names"], tcp["protocol"]) == (1, [], "tcp")


def test_addresses_beyond_the_first_200_are_counted_but_not_listed() -> None:
    """An app that scans ports costs no memory; a known address is counted on."""
    scan = [packet(TCP, segment(SYN, port)) for port in range(1, 206)]
    seen = watch(*scan, packet(TCP, segment(SYN, 1))).seen()
    assert [each["port"] for each in seen["attempts"]] == [*range(1, 201)]
    assert seen["attempts"][0]["count"] == 2
    assert seen["uncounted"] == 5


def test_names_beyond_the_first_20_of_an_address_are_not_kept() -> None:
    """Their questions are counted."""
    asks = [packet(UDP, datagram(53, query(str(n).encode()))) for n in range(25)]
    (one,) = watch(*asks).seen()["attempts"]
    assert (len(one["names"]), one["count"]) == (20, 25)


def test_packets_that_came_too_fast_are_uncounted_and_added_up() -> None:
    """The kernel drops what nobody reads in time, and counts from 0 after each question."""
    made = watch(dropped=3)
    assert made.seen()["uncounted"] == 3
    made._socket = Given(dropped=2)  # type: ignore[assignment]
    assert made.seen()["uncounted"] == 5


def test_what_has_arrived_is_read_before_an_answer() -> None:
    """More packets than are read at once may wait."""
    (one,) = watch(*[packet(UDP, datagram(8125))] * 1000).seen()["attempts"]
    assert one["count"] == 1000
