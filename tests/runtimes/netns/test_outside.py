"""The outside world as an app in a pod sees it: unreachable at once, counted, or declared."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart, TrafficOutside
from chaoslab.runtimes.netns.outside import Outside
from chaoslab.runtimes.netns.runtime import NetnsRuntime

PATIENCE_S = 30.0
TRIES = """
import socket, sys, time
for _ in range(2):
    begun = time.monotonic()
    try:
        socket.create_connection(("203.0.113.7", 443), 20)
    except ConnectionRefusedError:
        print("refused", time.monotonic() - begun < 5)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"x", ("203.0.113.8", 8125))
try:
    socket.getaddrinfo("api.example", 443)
except OSError:
    print("unknown")
"""
USES = """
import socket, sys
print(socket.gethostbyname("api.example"))
with socket.create_connection(("198.18.2.1", int(sys.argv[1])), 20) as there:
    print(there.recv(5).decode())
"""


async def ran(runtime: NetnsRuntime, app: App, folder: Path, *command: str) -> list[str]:
    """The lines that a Python program prints in the app's pod."""
    log = folder / "app.log"
    program = (sys.executable, "-c", *command)
    running = await runtime.spawn_app(AppStart(app=app, command=program, env={}, port=0, log=log))
    async with asyncio.timeout(PATIENCE_S):
        assert await running.wait() == 0, log.read_text()
    return log.read_text().splitlines()


async def test_what_an_app_tries_is_refused_at_once_and_counted(tmp_path: Path) -> None:
    """TCP connects, datagrams, and the names in questions to DNS; nothing of the lab's own."""
    app = App(name="web", command=("x",))
    async with NetnsRuntime([app]) as runtime:
        control = await runtime.start_proxy("embedded", seed=1, log=tmp_path / "proxy.log")
        said = await ran(runtime, app, tmp_path, TRIES)
        assert runtime.outside_watch is not None
        seen = await runtime.outside_watch.seen()
        tried = {(each.protocol, each.host): each for each in seen.attempts}
        await control.close()
    assert said == ["refused True", "refused True", "unknown"]
    assert {key: (each.port, each.app) for key, each in tried.items()} == {
        ("tcp", "203.0.113.7"): (443, "web"),
        ("udp", "203.0.113.8"): (8125, "web"),
        ("udp", "198.18.0.1"): (53, "web"),
    }
    tcp = tried["tcp", "203.0.113.7"]
    assert (tcp.count, tcp.names) == (2, ())
    assert tcp.first_s < tcp.last_s
    assert tried["udp", "198.18.0.1"].names == ("api.example",)


async def test_a_declared_address_is_reached_through_the_engine(tmp_path: Path) -> None:
    """Its name is in the pod's hosts file; a use of it is no attempt at the outside."""

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    app = App(name="web", command=("x",))
    runtime = NetnsRuntime([app])
    # No address outside this machine may be used by a test: loopback takes its place.
    runtime._outside = Outside(
        addresses={"127.0.0.1": "198.18.2.1", "api.example": "198.18.2.2"},
        declared=(("127.0.0.1", port),),
    )
    async with server, runtime:
        control = await runtime.start_proxy("embedded", seed=1, log=tmp_path / "proxy.log")
        said = await ran(runtime, app, tmp_path, USES, str(port))
        assert runtime.outside_watch is not None
        assert await runtime.outside_watch.seen() == TrafficOutside(attempts=(), uncounted=0)
        await control.close()
    assert said == ["198.18.2.2", "hello"]


def test_each_name_gets_an_address_of_its_own_and_an_address_keeps_its_own() -> None:
    """Two ports of one name share it, and so do two apps."""
    apps = [
        App(name="a", command=("x",), outside=("b.example:1", "b.example:2", "203.0.113.7:443")),
        App(name="b", command=("x",), outside=("c.example:1", "b.example:1")),
    ]
    outside = Outside.of(apps)
    assert outside.addresses == {
        "b.example": "198.18.2.1",
        "203.0.113.7": "203.0.113.7",
        "c.example": "198.18.2.2",
    }
    assert outside.declared == (
        ("b.example", 1), ("b.example", 2), ("203.0.113.7", 443), ("c.example", 1)
    )  # fmt: skip
