"""Boots in containers are observed, though a published port accepts without a listener."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from engine_here import engine

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.containers.app import ContainerApp
from chaoslab.runtimes.containers.engine import Engine, Run
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from runtimes.clients import connects
from runtimes.stacks import APP, boot, until_line

if TYPE_CHECKING:
    from docker.models.containers import Container

DEAF = "import time; print('up'); time.sleep(60)"
SERVES = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler)
print("up")
server.serve_forever()
"""


def listens(app: ContainerApp) -> set[int]:
    """The ports at which the kernel shows a listener in the app's namespace."""
    return {each.local_port for each in app.sockets() if each.state == "LISTEN"}


async def until_it_listens(app: ContainerApp, port: int) -> None:
    """Sockets are sent on change, each 0.02 s; the limit is for a busy machine."""
    async with asyncio.timeout(5.0):
        while port not in listens(app):  # noqa: ASYNC110  (another process tells it)
            await asyncio.sleep(0.01)


async def answer_of(app: ContainerApp) -> str:
    """What the app answers where the lab reaches it."""
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        return (await client.get(f"http://{app.endpoint}/")).text


async def test_an_app_that_never_listens_is_not_bound_though_its_port_accepts(
    lab: ContainerRuntime, tmp_path: Path
) -> None:
    """The engine's own proxy answers connects; only the kernel of the pod tells the truth."""
    app = await boot(lab, DEAF, tmp_path / "log")
    await until_line(app, "up")
    assert await connects(app.endpoint.port)
    await asyncio.sleep(0.2)  # several looks at the sockets
    assert listens(app) == set()


async def test_an_app_that_listens_elsewhere_is_seen_there(
    lab: ContainerRuntime, tmp_path: Path
) -> None:
    """It listens on another port than it should."""
    app = await boot(lab, SERVES, tmp_path / "log", "8099", "x")
    await until_it_listens(app, 8099)
    assert app.listens_on not in listens(app)
    with pytest.raises(httpx.HTTPError):
        await answer_of(app)


async def test_a_boot_after_a_boot_has_the_same_address_and_its_own_sockets(
    lab: ContainerRuntime, tmp_path: Path
) -> None:
    """As in a pod: the container is another, the network is the same."""
    port = await lab.app_port(APP)
    seen = []
    for number in ("first", "second"):
        begun_s = now_s()
        app = await boot(lab, SERVES, tmp_path / "log", str(port), number)
        assert begun_s <= app.spawned_s <= now_s()
        await until_it_listens(app, port)
        seen.append((str(app.endpoint), await answer_of(app)))
        assert await app.terminate(grace_s=0.05) == -signal.SIGKILL
        assert app.killed_after_s == 0.05
        assert app.sockets() == ()
    (one, first), (two, second) = seen
    assert one == two
    assert (first, second) == ("first", "second")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('no configuration')", 1),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
    ids=["0", "3", "message", "segfault"],
)
async def test_an_app_that_ends_at_once_is_seen_with_its_code_and_its_words(
    lab: ContainerRuntime, tmp_path: Path, code: str, expected: int
) -> None:
    """The exit code is the engine's, negative for a signal; output before the end is kept.

    It carries stdout and stderr separately: which of the two comes first is not told.
    """
    app = await boot(lab, f"print('begun')\n{code}", tmp_path / "log")
    got = await asyncio.wait_for(app.wait(), 20.0)
    assert (got, app.exit_code) == (expected, expected)
    assert "begun" in app.log_tail()
    assert app.sockets() == ()


async def test_a_boot_that_cannot_be_executed_leaves_the_pod_to_the_next(
    lab: ContainerRuntime, tmp_path: Path
) -> None:
    """The message names the app and the program; the port is still free for another boot."""
    port = await lab.app_port(APP)
    with pytest.raises(ServiceFailed, match=r"app: (.|\n)*no-such-program"):
        await lab.spawn_app(
            AppStart(app=APP, command=("no-such-program",), env={}, port=port, log=tmp_path / "log")
        )
    app = await boot(lab, SERVES, tmp_path / "log", str(port), "x")
    await until_it_listens(app, port)


async def test_a_cancelled_spawn_leaves_no_app_behind(
    lab: ContainerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that was under way is ended with its lab, so that the next finds the port."""
    made: list[Container] = []
    real, loop, under_way = Engine.run, asyncio.get_running_loop(), asyncio.Event()

    def run(self: Engine, wanted: Run) -> Container:
        loop.call_soon_threadsafe(under_way.set)
        made.append(real(self, wanted))
        return made[-1]

    monkeypatch.setattr(Engine, "run", run)
    spawn = asyncio.create_task(boot(lab, DEAF, tmp_path / "log"))
    await under_way.wait()
    spawn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spawn
    await lab.__aexit__(None, None, None)
    (container,) = made
    status, said = engine().call("GET", f"/containers/{container.id}/json")
    assert status == 404 or not json.loads(said)["State"]["Running"]


async def test_a_log_too_long_to_be_read_in_time_ends_with_its_last_lines(
    lab: ContainerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood is read for a while only; then the engine is asked for the end."""
    monkeypatch.setattr("chaoslab.runtimes.containers.app._LOG_WITHIN_S", 0.0)
    flood = "print(*range(199_999), sep=chr(10))"
    app = await boot(lab, flood, tmp_path / "log")
    await app.wait()
    assert app.log_tail(2) == ("199997", "199998")
    assert "chaoslab did not read all" in (tmp_path / "log").read_text()
