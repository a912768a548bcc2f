"""The loads of the engine's benchmark: bulk data, round trips, a latency toxic, a crowd."""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from _measure import cpu_s, resident_kib
from engine_servers import Peers, Proxy

from chaoslab.clock import now_s

Address = tuple[str, int]
PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """One transfer: megabytes (10^6) a second, and the proxy's processor seconds per gigabyte."""

    mb_per_s: float
    cpu_s_per_gb: float


def bulk(peers: Peers, through: Address, pid: int | None, seconds: float) -> Bulk:
    """Send one stream for that time. `pid` is the proxy's; None if there is no proxy."""
    before_s = cpu_s(pid) if pid is not None else 0.0
    size, took_s = peers.run(through, seconds)
    used_s = cpu_s(pid) - before_s if pid is not None else 0.0
    return Bulk(mb_per_s=size / took_s / 1e6, cpu_s_per_gb=used_s / (size / 1e9))


def round_trips(connection: socket.socket, count: int) -> list[float]:
    """Seconds of `count` PINGs, one after the other, on a blocking socket."""
    seen: list[float] = []
    send, receive = connection.sendall, connection.recv
    with _no_collection():
        for _ in range(count):
            start_s = now_s()
            send(PING)
            answer = receive(64)
            seen.append(now_s() - start_s)
            assert answer == PONG, answer
    return seen


def latency_errors(connection: socket.socket, asked_s: float, count: int) -> list[float]:
    """|observed - set| in seconds, for PINGs through a latency toxic of `asked_s`."""
    return [abs(seen_s - asked_s) for seen_s in round_trips(connection, count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Many connections at once: seconds to open all, to echo on all; memory of an idle one."""

    open_s: float
    echo_s: float
    rss_kib: float
    pss_kib: float


def crowd(proxy: Proxy, route: str, count: int) -> Crowd:
    """Open `count` connections through a route, then echo once on each while all are open.

    Memory is the growth of the proxy for each connection, before it has sent a byte. Raises
    AssertionError if one connection does not answer.
    """
    rss, pss = resident_kib(proxy.pid)
    with contextlib.ExitStack() as stack:
        start_s = now_s()
        opened = [stack.enter_context(ping_socket(proxy.routes[route])) for _ in range(count)]
        # A proxy may accept before it dials. If the last one echoes, all are connected.
        assert _echo(opened[-1]) == PONG
        open_s = now_s() - start_s
        rss_now, pss_now = resident_kib(proxy.pid)
        start_s = now_s()
        for connection in opened:
            connection.sendall(PING)
        answers = [connection.recv(64) for connection in opened]
        echo_s = now_s() - start_s
    assert answers == [PONG] * count
    return Crowd(
        open_s=open_s,
        echo_s=echo_s,
        rss_kib=(rss_now - rss) / count,
        pss_kib=(pss_now - pss) / count,
    )


def _echo(connection: socket.socket) -> bytes:
    connection.sendall(PING)
    return connection.recv(64)


def ping_socket(address: Address) -> socket.socket:
    """A blocking connection without Nagle's delay."""
    connection = socket.create_connection(address, 10.0)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def room_for(connections: int) -> int:
    """Raise the descriptor limit to its maximum. Returns how many connections are possible."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A proxy has two descriptors for each connection, and inherits our limit.
    return min(connections, (hard - 100) // 2)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
