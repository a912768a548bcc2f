"""The addresses of a socket, read by netlink and from /proc."""

from __future__ import annotations

import os
import socket

import pytest

from chaoslab.agent import tcp_table


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param(
            "::1",
            marks=pytest.mark.skipif(not os.path.exists("/proc/net/tcp6"), reason="no IPv6 here"),
        ),
    ],
)
def test_netlink_and_proc_agree_on_the_local_address(host: str) -> None:
    """In network order, 4 or 16 bytes; with each of netlink's two requests."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        inode = os.fstat(server.fileno()).st_ino
        for table in (
            tcp_table.tcp_table({inode}),
            tuple(tcp_table._both(socket.socket, {inode})),
            tuple(tcp_table._by_family(socket.socket, {inode})),
            tcp_table.proc_table({inode}),
        ):
            assert [row.local_address for row in table] == [socket.inet_pton(family, host)]


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_netlink_and_proc_agree_on_the_remote_address(host: str) -> None:
    """Its address and port; other remote ports are left out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        port = server.getsockname()[1]
        client.connect((host, port))
        inode = os.fstat(client.fileno()).st_ino
        for table in (
            tcp_table.tcp_table({inode}, {port}),
            tuple(tcp_table._both(socket.socket, {inode}, {port})),
            tuple(tcp_table._by_family(socket.socket, {inode}, {port})),
            tcp_table.proc_table({inode}),
        ):
            assert [(row.remote_address, row.remote_port) for row in table] == [
                (socket.inet_pton(family, host), port)
            ]
        assert tcp_table.tcp_table({inode}, {port + 1}) == ()
