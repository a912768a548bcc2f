"""Connections to the lab's servers that neither lab nor proxy opened, of any process."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from chaoslab.machine.endpoint import Endpoint
from chaoslab.runtimes.base import ServerClient
from chaoslab.runtimes.local import lookout as module
from chaoslab.runtimes.local.lookout import Lookout

CONNECT = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
client = socket.socket(family)
client.connect((sys.argv[1], int(sys.argv[2])))
print(client.getsockname()[1], flush=True)
sys.stdin.read()
"""
IN_A_CHILD = f"""
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "-S", "-c", '''{CONNECT}''', *sys.argv[1:]]))
"""


@contextmanager
def connected(code: str, host: str, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process with a connection to that address, and the connection's own port."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code, host, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def server() -> Iterator[Endpoint]:
    """Takes connections without ever accepting them."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        yield Endpoint(host="127.0.0.1", port=listener.getsockname()[1])


def lookout(*own: int, boot_of: int = 0) -> Lookout:
    return Lookout(lambda: (os.getpid(), *own), lambda _: boot_of)


@pytest.mark.parametrize("code", [CONNECT, IN_A_CHILD], ids=["itself", "in a child"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"])
def test_a_connection_of_another_process_is_returned_with_its_holder(host: str, code: str) -> None:
    """By IPv4, by IPv4 that is mapped into IPv6, and by the address that means this machine."""
    with server() as there, connected(code, host, there.port) as (process, port):
        (found,) = lookout(boot_of=77).look([there])
        assert (found.server, found.local_port, found.boot_pid) == (there, port, 77)
        assert found.process.startswith("python")
        assert (found.pid == process.pid) is (code is CONNECT)


def test_an_open_connection_is_returned_once() -> None:
    """And one that is opened later is returned then."""
    with server() as there, connected(CONNECT, there.host, there.port) as (_, port):
        looks = lookout()
        assert [c.local_port for c in looks.look([there])] == [port]
        assert looks.look([there]) == ()
        with connected(CONNECT, there.host, there.port) as (_, later):
            assert [c.local_port for c in looks.look([there])] == [later]


def test_connections_of_lab_and_proxy_server_are_left_out() -> None:
    """Each look for a write, each canary and each proxied connection would be an alarm."""
    with (
        server() as there,
        socket.create_connection((there.host, there.port)),
        connected(CONNECT, there.host, there.port) as (proxy, _),
    ):
        assert lookout(proxy.pid).look([there]) == ()


def test_connections_to_other_servers_are_left_out() -> None:
    """The same port of another address is another server."""
    with server() as there, server() as other:
        elsewhere = Endpoint(host="127.0.0.2", port=there.port)
        with (
            connected(CONNECT, other.host, other.port),
            socket.create_server((elsewhere.host, elsewhere.port)),
            connected(CONNECT, elsewhere.host, elsewhere.port),
        ):
            assert lookout().look([there]) == ()


def test_a_connection_without_known_holder_is_returned_at_the_second_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the first it may be one of the lab's own that was closed a moment ago."""
    monkeypatch.setattr(module, "_holders", lambda _: {})
    with server() as there, connected(CONNECT, there.host, there.port) as (_, port):
        looks = lookout()
        assert looks.look([there]) == ()
        hidden = ServerClient(server=there, local_port=port, pid=0, process="")
        assert looks.look([there]) == (hidden,)
        assert looks.look([there]) == ()


def test_the_labs_own_connections_come_and_go_without_an_alarm() -> None:
    """Five hundred short ones, looked at all the while."""
    with server() as there, ThreadPoolExecutor(1) as pool:
        looks = lookout()
        work = pool.submit(open_and_close, there, 500)
        found: list[ServerClient] = []
        while not work.done():
            found += looks.look([there])
        work.result()
    assert found == []


def open_and_close(there: Endpoint, count: int) -> None:
    for _ in range(count):
        socket.create_connection((there.host, there.port), 5.0).close()


def test_a_look_is_cheap() -> None:
    """It is taken every 50 ms; it needs some 0.3 ms of processor time."""
    with server() as there, socket.create_connection((there.host, there.port)):
        looks, took_s = lookout(), []
        for _ in range(21):
            start_s = time.thread_time()
            assert looks.look([there]) == ()
            took_s.append(time.thread_time() - start_s)
    assert 0.0 < statistics.median(took_s) < 0.010
