"""Connections on which every wait has a limit, and which leave no socket."""

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
def full_port() -> Iterator[int]:
    """A port whose accept queue is full, so that the kernel drops every further SYN."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


def waiting_connects(port: int) -> int:
    """The sockets of this machine in SYN_SENT to this port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == SYN_SENT and row[2].endswith(f":{port:04X}") for row in rows)


async def test_an_abandoned_connect_leaves_no_socket(full_port: int) -> None:
    """A stored exception must not keep its socket until the next garbage collection."""
    url = f"postgresql://a:b@127.0.0.1:{full_port}/c?sslmode=disable"
    errors: list[psycopg.OperationalError] = []
    gc.disable()
    try:
        for _ in range(4):
            with pytest.raises(psycopg.OperationalError, match="no answer within") as caught:
                await BoundedConnection.connect(url, connect_limit_s=0.1, io_limit_s=1.0)
            errors.append(caught.value)
        assert waiting_connects(full_port) <= 1  # of the last try: its exception has it
    finally:
        gc.enable()
