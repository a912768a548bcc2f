"""The kernel's state of a listening socket, as the engine sets and reads it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest

from chaoslab.engine import socket_diag
from chaoslab.engine.listener import (
    Address,
    accept_all,
    bind,
    fill_accept_queue,
    why_dropped_is_unsupported,
)

from .rig import syns_within


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """A bound socket that does not listen."""
    with bind("127.0.0.1", 0) as sock:
        yield sock


def begin(address: Address) -> socket.socket:
    """A non-blocking connect() that has begun."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(address)
    return sock


def is_up(sock: socket.socket) -> bool:
    """Whether the connect() succeeds within a short time."""
    return bool(select.select([], [sock], [], 0.1)[1]) and socket_diag.established(sock)


def test_this_platform_can_drop_syns() -> None:
    """On the Linux that these tests need, it can."""
    assert why_dropped_is_unsupported() is None


def test_one_filler_fills_the_queue_exactly(bound: socket.socket) -> None:
    """One connection waits, the next SYN is dropped, and the drop is counted once."""
    fillers: dict[Address, socket.socket] = {}
    clients: list[tuple[socket.socket, Address]] = []
    fill_accept_queue(bound, fillers, clients)
    assert (len(fillers), clients, socket_diag.accept_queue(bound)) == (1, [], 1)
    before = socket_diag.syn_drops(bound)
    assert before is not None
    begun = time.monotonic()
    with begin(bound.getsockname()) as client:
        assert not is_up(client)
        drops = socket_diag.syn_drops(bound)
        assert drops is not None
        # Once, if no retry was due.
        assert 1 <= drops - before <= syns_within(time.monotonic() - begun)
    assert accept_all(bound, fillers) == []
    assert (fillers, socket_diag.accept_queue(bound)) == ({}, 0)


def test_real_clients_in_the_queue_are_taken_out_before_it_is_filled(
    bound: socket.socket,
) -> None:
    """They are returned with their addresses, and are not taken for fillers."""
    bound.listen(8)
    waiting = [begin(bound.getsockname()) for _ in range(5)]
    assert all(map(is_up, waiting))
    fillers: dict[Address, socket.socket] = {}
    clients: list[tuple[socket.socket, Address]] = []
    fill_accept_queue(bound, fillers, clients)
    assert {address for _, address in clients} == {sock.getsockname() for sock in waiting}
    assert socket_diag.accept_queue(bound) == 1
    for sock in [*waiting, *(client for client, _ in clients), *fillers.values()]:
        sock.close()


def test_a_socket_that_does_not_listen_has_no_count(bound: socket.socket) -> None:
    """If the kernel cannot answer, the result is None, not an error."""
    assert socket_diag.syn_drops(bound) is None
