"""What the kernel shows of sockets, by both of its ways."""

from __future__ import annotations

import os
import socket
import statistics
import time

import pytest

from chaoslab.agent import tcp_table
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine import sockets
from chaoslab.machine.sockets import holder_of, sockets_of

IPV6 = pytest.mark.skipif(not os.path.exists("/proc/net/tcp6"), reason="no IPv6 here")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=IPV6)])
def test_netlink_and_proc_tell_the_same_of_our_sockets(host: str) -> None:
    """State, ports and inode, for a listener and both ends of a connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
        server.accept()[0] as served,
    ):
        ours = {os.fstat(each.fileno()).st_ino for each in (server, client, served)}
        port, other = server.getsockname()[1], client.getsockname()[1]
        for table in (tcp_table.tcp_table(), tcp_table.proc_table()):
            rows = {(r.state, r.local_port, r.remote_port) for r in table if r.inode in ours}
            assert rows == {
                ("LISTEN", port, 0),
                ("ESTABLISHED", other, port),
                ("ESTABLISHED", port, other),
            }


def test_without_netlink_proc_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that forbids netlink only makes it slower."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in {s.local_port for s in sockets_of(os.getpid()) if s.state == "LISTEN"}


def test_a_kernel_that_shows_no_sockets_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an empty answer that would look like an app without sockets."""

    def refuse(_: object, **_named: object) -> None:
        raise OSError("not permitted")

    monkeypatch.setattr(sockets, "tcp_table", refuse)
    with socket.create_server(("127.0.0.1", 0)), pytest.raises(RuntimeUnavailable, match="allow"):
        sockets_of(os.getpid())


def test_a_look_at_the_sockets_is_cheap() -> None:
    """It is taken every 20 ms; it needs 1 ms of processor time, more in a crowd."""
    with socket.create_server(("127.0.0.1", 0)):
        took_s = []
        for _ in range(21):
            start_s = time.thread_time()
            assert sockets_of(os.getpid())
            took_s.append(time.thread_time() - start_s)
    assert 0.0 < statistics.median(took_s) < 0.010


def test_the_holder_of_a_port_is_named() -> None:
    """By its number and its program."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert holder_of(port).startswith(f"pid {os.getpid()} (")
    assert holder_of(port) == "another process"


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::ffff:127.0.0.1", marks=IPV6)])
def test_a_sockets_addresses_and_holder_are_shown(host: str) -> None:
    """An address of IPv4 that is mapped into IPv6 as the one that it is; a listener has no peer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        port, other = server.getsockname()[1], client.getsockname()[1]
        told = {(s.local_port, s.remote_port): s for s in sockets_of(os.getpid())}
    assert told[other, port].remote_host == "127.0.0.1"
    assert told[other, port].pid == os.getpid()
    assert (told[port, 0].state, told[port, 0].local_host) == ("LISTEN", "127.0.0.1")
    assert told[other, port].local_host == "127.0.0.1"
