"""Connections on which nothing can wait for ever, and that leave nothing behind."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chaoslab.reference.backend.connections import BoundedConnection

SYN_SENT = "02"


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose accept queue is full, so that the kernel drops every further SYN."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


def waiting_connects(port: int) -> int:
    """Sockets of this machine in SYN_SENT towards the port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == SYN_SENT and row[2].endswith(f":{port:04X}") for row in rows)


async def test_an_attempt_that_was_given_up_leaves_no_socket_waiting(deaf_port: int) -> None:
    """Kept errors must not keep sockets: each try would add one until the garbage collector ran."""
    url = f"postgresql://a:b@127.0.0.1:{deaf_port}/c?sslmode=disable"
    errors: list[psycopg.OperationalError] = []
    gc.disable()
    try:
        for _ in range(4):
            with pytest.raises(psycopg.OperationalError, match="no answer within") as caught:
                await BoundedConnection.connect(url, connect_limit_s=0.1, io_limit_s=1.0)
            errors.append(caught.value)
        assert waiting_connects(deaf_port) <= 1  # the last try's, in the frames of its own raise
    finally:
        gc.enable()
