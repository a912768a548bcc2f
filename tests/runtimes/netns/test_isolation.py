"""What an app in its own network can reach, and who reaches it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.injection.context import Context
from chaoslab.probes.request import Message, ask
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.netns import NetnsRuntime, needs
from runtimes.clients import run_python, until_said
from runtimes.namespaces import needs_namespaces
from runtimes.stacks import APP

DIALS = """
import socket, sys
for address in sys.argv[1:]:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(address, "open")
    except OSError as error:
        print(address, type(error).__name__, error.errno)
"""
SERVES = """
import http.server, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
server = http.server.HTTPServer(("127.0.0.1", 8080), Answers)
print("serves", flush=True)
server.serve_forever()
"""


async def boot(lab: NetnsRuntime, code: str, log: Path, *words: str):  # type: ignore[no-untyped-def]
    command = (sys.executable, "-u", "-c", code, *words)
    return await lab.spawn_app(AppStart(app=APP, command=command, env={}, port=8080, log=log))


async def test_an_app_reaches_a_service_only_through_its_proxy(
    lab: NetnsRuntime, context: Context, tmp_path: Path
) -> None:
    """The server's port is open on this machine, and closed in the app's network."""
    server, proxy = context.services["redis"].endpoint, context.addresses["app.redis"]
    addresses = (str(proxy), str(server), f"{proxy.host}:{server.port}", "203.0.113.7:443")
    app = await boot(lab, DIALS, tmp_path / "log", *addresses)
    assert await app.wait() == 0
    said = [line.split(" ", 1)[1] for line in app.log_tail()]
    assert said == ["open", "ConnectionRefusedError 111", "ConnectionRefusedError 111",
                    "ConnectionRefusedError 111"]  # fmt: skip


async def test_two_labs_whose_apps_have_the_same_port_run_at_once(tmp_path: Path) -> None:
    """Each lab's requests reach its own app."""
    needs_namespaces()
    async with NetnsRuntime([APP]) as one, NetnsRuntime([APP]) as two:
        answers = []
        for name, lab in (("one", one), ("two", two)):
            app = await boot(lab, SERVES, tmp_path / name, name)
            await until_said(app, "serves")
            answers.append((await ask(app.endpoint, Message(path="/"))).text)
        assert answers == ["one", "two"]


async def test_a_request_is_refused_while_the_app_does_not_listen(
    lab: NetnsRuntime, tmp_path: Path
) -> None:
    """No proxy of the lab accepts in place of the app."""
    app = await run_python(lab, "import time; time.sleep(30)", tmp_path / "log")
    with pytest.raises(httpx.ConnectError, match="Errno 111"):
        await ask(app.endpoint, Message(path="/"))


async def test_the_sockets_of_an_app_are_read_in_its_network(
    lab: NetnsRuntime, tmp_path: Path
) -> None:
    """A listener in the pod is seen from outside, with its port."""
    app = await boot(lab, SERVES, tmp_path / "log", "x")
    await until_said(app, "serves")
    assert [(s.state, s.local_port) for s in app.sockets()] == [("LISTEN", 8080)]


@pytest.mark.skipif(os.geteuid() == 0, reason="programs of root have every capability")
async def test_an_app_has_no_power_over_its_network(lab: NetnsRuntime, tmp_path: Path) -> None:
    """It inherits no capability from the agent, which has all of them in its namespaces."""
    code = "print([line for line in open('/proc/self/status') if 'CapEff' in line][0])"
    app = await run_python(lab, code, tmp_path / "log")
    await app.wait()
    assert app.log_tail()[0].split() == ["CapEff:", "0" * 16]


async def test_a_missing_program_is_the_users_mistake(lab: NetnsRuntime, tmp_path: Path) -> None:
    """The error names the program, as in every runtime."""
    start = AppStart(app=APP, command=("no-such-program",), env={}, port=8080,
                     log=tmp_path / "log")  # fmt: skip
    with pytest.raises(ServiceFailed, match="no-such-program"):
        await lab.spawn_app(start)


async def test_the_kernel_ends_what_an_app_leaves_running(tmp_path: Path) -> None:
    """Also a daemon that forked twice, left its session and has no environment."""
    needs_namespaces()
    daemon = (
        "import os\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.execve('/bin/sleep', ['chaoslab-test-daemon', '60'], {})\n"
        "os.wait()\nprint('started', flush=True)\nimport time; time.sleep(60)\n"
    )
    async with NetnsRuntime([APP]) as lab:
        app = await run_python(lab, daemon, tmp_path / "log")
        await until_said(app, "started")
        assert _daemons()
    assert await _gone(2.0)


def _daemons() -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                words = (each / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"chaoslab-test-daemon"):
                found.append(int(each.name))
    return found


async def _gone(limit_s: float) -> bool:
    end_s = now_s() + limit_s
    while _daemons() and now_s() < end_s:  # noqa: ASYNC110  (other processes end)
        await asyncio.sleep(0.02)
    return not _daemons()


def test_a_machine_without_unshare_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The problem says which program is missing, and how to get it."""
    monkeypatch.setattr(needs.shutil, "which", lambda *_, **__: None)
    with pytest.raises(RuntimeUnavailable, match="unshare is not installed") as caught:
        needs.check()
    assert caught.value.problems[0].fix == "sudo apt-get install -y util-linux"


@pytest.mark.parametrize(
    ("program", "package"),
    [("ip", "iproute2"), ("mount", "mount"), ("iptables", "iptables")],
)
def test_each_program_that_a_lab_uses_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, program: str, package: str
) -> None:
    """A lab that fails at its start says less."""

    def which(name: str, **_: object) -> str | None:
        return None if name == program else f"/usr/bin/{name}"

    monkeypatch.setattr(needs.shutil, "which", which)
    monkeypatch.setattr(needs, "unshare_command", lambda: ("true",))
    with pytest.raises(RuntimeUnavailable, match=f"{program} is not installed") as caught:
        needs.check()
    assert caught.value.problems[0].fix == f"sudo apt-get install -y {package}"


def test_namespaces_that_the_kernel_refuses_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trial printed is the problem."""
    refused = ("sh", "-c", "echo 'unshare: Operation not permitted' >&2; exit 1")
    monkeypatch.setattr(needs, "unshare_command", lambda: refused)
    with pytest.raises(RuntimeUnavailable, match="Operation not permitted"):
        needs.check()
