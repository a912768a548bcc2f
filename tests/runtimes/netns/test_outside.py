"""The outside world as an app in a pod sees it: unreachable at once, counted, or declared."""

from __future__ import annotations

import asyncio
import errno
import sys
from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart, TrafficOutside
from chaoslab.runtimes.netns import outside as netns_outside
from chaoslab.runtimes.netns.outside import Outside
from chaoslab.runtimes.netns.runtime import NetnsRuntime
from runtimes.clients import until_said
from runtimes.namespaces import needs_namespaces

PATIENCE_S = 30.0
Files = dict[str, bytes]
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
SERVES = """
import socket, time
with socket.create_server(("", 8080)):
    print("serves")
    time.sleep(60)
"""
CONNECTS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8080), 1)
    print("connected")
except OSError:
    print("no connection")
"""
FLOODS = """
import socket
sent = 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for n in range(3000):
        sender.sendto(b"x", (f"203.0.{n // 250}.{n % 250 + 1}", 8125))
        sent += 1
print("sent", sent)
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
    needs_namespaces()
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

    needs_namespaces()
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


def files_of(folder: Path, monkeypatch: pytest.MonkeyPatch, hosts: Path, resolver: Path) -> Files:
    """What an app with one declared name sees, on a machine with these files."""
    monkeypatch.setattr(netns_outside, "_HOSTS", hosts)
    monkeypatch.setattr(netns_outside, "_RESOLVER", resolver)
    outside = Outside.of([App(name="a", command=("x",), outside=("db.example:5432",))])
    made = outside.files(folder, "198.18.0.1")
    return {path: Path(own).read_bytes() for path, own in made.items()}


@pytest.mark.parametrize(
    "machines",
    [b"127.0.0.1 localhost", b"127.0.0.1 localhost\n", b"", b"10.0.0.5 db.example\n", b"\xff\n"],
    ids=["no newline", "newline", "empty", "the same name", "not UTF-8"],
)
def test_a_declared_name_comes_before_the_machines_own_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machines: bytes
) -> None:
    """The machine may have another address for it; a program uses the first."""
    hosts, resolver = tmp_path / "etc-hosts", tmp_path / "etc-resolv"
    hosts.write_bytes(machines)
    resolver.write_text("nameserver 192.0.2.1\nsearch example\n")
    files = files_of(tmp_path, monkeypatch, hosts, resolver)
    assert files[str(hosts)] == b"198.18.2.1 db.example\n" + machines
    assert files[str(resolver)] == b"nameserver 198.18.0.1\noptions timeout:1 attempts:1\n"


def test_a_file_that_the_machine_lacks_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that is a dead link: there is nothing that could be covered."""
    dead = tmp_path / "link"
    dead.symlink_to(tmp_path / "absent")
    assert files_of(tmp_path, monkeypatch, tmp_path / "absent", dead) == {}


def test_a_file_behind_a_link_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As systemd's resolver has it; a mount follows the link."""
    real, link = tmp_path / "stub", tmp_path / "link"
    real.write_text("nameserver 127.0.0.53\n")
    link.symlink_to(real)
    assert [*files_of(tmp_path, monkeypatch, tmp_path / "absent", link)] == [str(link)]


def test_a_hosts_file_that_cannot_be_read_counts_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lab still starts; an app of the same user could not read it either."""

    def denied(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    hosts = tmp_path / "etc-hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(Path, "read_bytes", denied)
    outside = Outside.of([App(name="a", command=("x",), outside=("db.example:5432",))])
    assert outside._hosts(hosts) == b"198.18.2.1 db.example\n"


async def test_a_replaced_file_is_seen_behind_a_link_and_by_the_app_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own file stays as it is."""
    needs_namespaces()
    real, link = tmp_path / "stub", tmp_path / "link"
    real.write_text("nameserver 127.0.0.53\n")
    link.symlink_to(real)
    monkeypatch.setattr(netns_outside, "_RESOLVER", link)
    app = App(name="web", command=("x",))
    async with NetnsRuntime([app]) as runtime:
        shown = await ran(runtime, app, tmp_path, f"print(open({str(link)!r}).read())")
    assert shown[0] == "nameserver 198.18.0.1"
    assert real.read_text() == "nameserver 127.0.0.53\n"


async def test_an_app_does_not_reach_another_app_of_the_lab(tmp_path: Path) -> None:
    """Also on a machine that forwards packets, such as one with Docker."""
    needs_namespaces()
    one, two = (App(name=name, command=("x",)) for name in ("one", "two"))
    async with NetnsRuntime([one, two]) as runtime:
        log = tmp_path / "one.log"
        serves = (sys.executable, "-u", "-c", SERVES)
        server = await runtime.spawn_app(AppStart(app=one, command=serves, env={}, port=0, log=log))
        await until_said(server, "serves")
        (address,) = (at for at, app in runtime._namespaces.pod_addresses().items() if app == "one")
        assert await ran(runtime, two, tmp_path, CONNECTS, address) == ["no connection"]


async def test_an_app_that_tries_many_addresses_stops_neither_the_lab_nor_the_count(
    tmp_path: Path,
) -> None:
    """200 addresses are listed; no packet beyond them is left unmentioned."""
    needs_namespaces()
    app = App(name="web", command=("x",))
    async with NetnsRuntime([app]) as runtime:
        control = await runtime.start_proxy("embedded", seed=1, log=tmp_path / "proxy.log")
        assert await ran(runtime, app, tmp_path, FLOODS) == ["sent 3000"]
        assert runtime.outside_watch is not None
        seen = await runtime.outside_watch.seen()
        assert [await part.trouble() for part in runtime._namespaces.parts] == [None, None]
        await control.close()
    assert len(seen.attempts) <= 200
    assert sum(each.count for each in seen.attempts) + seen.uncounted == 3000
    assert seen.uncounted >= 2800


async def test_namespaces_that_cannot_be_made_as_wished_are_one_error_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a file that is gone by the time at which it is replaced."""
    needs_namespaces()
    gone = {str(tmp_path / "gone"): str(tmp_path / "own")}
    monkeypatch.setattr(Outside, "files", lambda *_: gone)
    with pytest.raises(RuntimeUnavailable) as caught:
        async with NetnsRuntime([App(name="web", command=("x",))]) as runtime:
            await runtime.start_proxy("embedded", seed=1, log=tmp_path / "proxy.log")
    (problem,) = caught.value.problems
    assert problem.what.startswith("the lab's network namespaces could not be made: mount: ")
    assert "chaoslab doctor --runtime netns" in problem.fix
